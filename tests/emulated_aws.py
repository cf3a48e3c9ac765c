"""AWS in this process: moto, and of DynamoDB's PartiQL what moto lacks.

Moto reads the values of an INSERT from its text only, and DynamoDB takes them as parameters, too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.dynamodb.exceptions import ConditionalCheckFailed, ItemSizeTooLarge
from moto.dynamodb.models import DynamoDBBackend

_INSERT = re.compile(r'INSERT INTO "(?P<table>[^"]+)" VALUE \{(?P<members>.*)\}')
_MEMBER = re.compile(r"'(\w+)': \?")


@contextmanager
def emulated_aws() -> Iterator[None]:
    with patch.object(DynamoDBBackend, "batch_execute_statement", _batch_execute), mock_aws():
        yield


def _batch_execute(backend: DynamoDBBackend, statements: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    return [_insert(backend, **statement) for statement in statements]


def _insert(backend: DynamoDBBackend, Statement: str, Parameters: Sequence[object]) -> dict[str, object]:  # noqa: N803 - DynamoDB's names
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html"""
    found = _INSERT.fullmatch(Statement)
    if found is None:
        raise NotImplementedError(f"only INSERT statements with parameters are emulated, not {Statement}")
    item = dict(zip(_MEMBER.findall(found["members"]), Parameters, strict=True))
    try:
        backend.put_item(found["table"], item, condition_expression="attribute_not_exists(pk)")
    except ConditionalCheckFailed:
        return {"Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}}
    except ItemSizeTooLarge as error:
        return {"Error": {"Code": "ValidationError", "Message": str(error)}}
    return {"TableName": found["table"]}
