"""Builds the adapters of each function's flow; nothing else builds them. A function imports only its own module."""
