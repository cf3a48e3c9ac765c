"""What a command asks of Stripe itself: objects now, event destinations, what a key may do."""
