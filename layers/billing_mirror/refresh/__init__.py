"""Refresh: bring one object of the mirror up to date by the write rule. Process and reconcile share it."""
