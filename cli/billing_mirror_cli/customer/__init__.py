"""What a customer has: subscriptions and their prices, open invoices, usage and credit, as the mirror holds them."""
