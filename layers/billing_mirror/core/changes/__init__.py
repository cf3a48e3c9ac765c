"""What a write has changed, and what was true before."""
