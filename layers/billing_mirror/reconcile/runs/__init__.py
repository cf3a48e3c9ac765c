"""Runs: how a job survives many invocations. Records, checkpoints, evidence, lease, meter and lifecycle."""
