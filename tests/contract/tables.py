"""A table as the template describes it."""

import itertools
from functools import cache
from typing import Any

from mypy_boto3_dynamodb import DynamoDBClient

from tests.template_file import resource_properties

_numbers = itertools.count()


@cache
def _properties() -> dict[str, Any]:
    return resource_properties("Table")


def create_table(client: DynamoDBClient) -> str:
    """The name of a new table with the template's own keys and indexes."""
    properties = _properties()
    name = f"mirror-{next(_numbers)}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=properties["KeySchema"],
        AttributeDefinitions=properties["AttributeDefinitions"],
        GlobalSecondaryIndexes=properties["GlobalSecondaryIndexes"],
    )
    return name
