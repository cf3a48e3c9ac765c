"""Decisions only: values in, values out. No clock, no environment, no randomness, no input or output."""
