"""The demo: a company in the stand-in, faults, and the table compared with Stripe at the end."""
