"""Process: one batch of queue messages becomes up-to-date objects in the mirror."""
