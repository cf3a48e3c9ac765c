"""Usage: hourly sums of what customers use, which Stripe announces by no event."""
