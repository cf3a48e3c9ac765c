"""The metrics of a sandbox: what the functions emit, and what alarms make of it."""
