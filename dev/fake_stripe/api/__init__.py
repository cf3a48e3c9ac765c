"""What does Stripe's API answer to a request, and how does a test control the stand-in? HTTP, routes, lists, faults."""
