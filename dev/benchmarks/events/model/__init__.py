"""What the benchmark puts around the real functions: containers, a queue, AWS, Stripe."""
