"""What Stripe announces: what is authentic, what a message says, and how its processing ends."""
