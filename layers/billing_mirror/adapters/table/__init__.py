"""The table, in DynamoDB."""

SERVICE = "DynamoDB"
"""Its name in errors."""
