"""What the functions have logged, as it happens."""
