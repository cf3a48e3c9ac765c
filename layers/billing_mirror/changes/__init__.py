"""The table's stream -> changes on the event bus, and history beside the objects."""
