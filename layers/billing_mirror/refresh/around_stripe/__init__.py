"""What stands around Stripe: each module changes how requests are made, or which answers are believed."""
