"""How Stripe's API may be asked: whose key, at what rate, for which fields, page by page."""
