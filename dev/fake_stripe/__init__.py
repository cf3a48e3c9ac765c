"""A local server that speaks Stripe's protocol, for tests without Stripe. README.md has the control calls."""
