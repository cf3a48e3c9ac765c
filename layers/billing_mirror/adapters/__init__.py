"""The only place where boto3, stripe and sockets are used. Each adapter implements one port of the flows."""
