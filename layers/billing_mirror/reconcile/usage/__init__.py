"""Usage: hourly sums of metered usage, which Stripe announces by no event."""
