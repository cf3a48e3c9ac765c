"""How does the bundle run without Stripe? A local server speaks Stripe's protocol; README.md has its control calls."""
