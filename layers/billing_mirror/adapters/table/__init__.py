"""The table, in DynamoDB."""
