"""Runs of reconcile that a command requests and follows."""
