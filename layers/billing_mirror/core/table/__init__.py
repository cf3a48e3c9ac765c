"""What the table holds: items, their columns, bodies in chunks, and heads."""
