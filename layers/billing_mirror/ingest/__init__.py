"""Ingest: one HTTP request becomes one message in the queue."""
