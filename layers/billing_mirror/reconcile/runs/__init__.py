"""Runs: how a job survives many invocations. Checkpoints, evidence, lease and lifecycle."""
