"""What would a client of our own save of a call's processor time? It signs and sends, and does nothing else.

It repeats nothing, tells no error from another and finds no endpoint: what it saves is the most that can be saved.
"""

import json
import socket
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.table.attributes import Attributes, to_attributes
from billing_mirror.core.json_body import Json
from billing_mirror.core.table.items import Item
from dev.sandbox.ministack import CREDENTIALS, REGION
from tests.contract.tables import create_table

FIELDS = 60
"""Fields of the object that is put, as many as a subscription has."""
CALLS, REPETITIONS = 100, 7
HEAD, ADD = "fetched_at, digest", "ADD claimed :one"
KEY: Item = {"pk": "test#sub_1", "sk": "object"}

Call = Callable[[], object]


class SignedClient:
    """Calls DynamoDB with botocore's signer and session, and without the rest of botocore."""

    def __init__(self, endpoint: str) -> None:
        credentials = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        self._endpoint = endpoint
        self._signer = SigV4Auth(credentials, "dynamodb", REGION)
        self._session = URLLib3Session(socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)])  # type: ignore[list-item]  # the stubs are wrong

    def call(self, operation: str, arguments: Mapping[str, object]) -> object:
        """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html"""
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        request = AWSRequest("POST", self._endpoint, headers, json.dumps(arguments).encode())
        self._signer.add_auth(request)
        response = self._session.send(request.prepare())
        if response.status_code != 200:
            raise AssertionError(f"DynamoDB answers {operation} with {response.status_code}")
        return json.loads(response.content)


def saved(endpoint: str, *, calls: int = CALLS, repetitions: int = REPETITIONS) -> dict[str, float]:
    """Milliseconds that the client saves of each call that process makes: medians of alternating runs."""
    ours = boto3.client("dynamodb", endpoint_url=endpoint, region_name=REGION, config=QUICK)
    name, signed = create_table(ours), SignedClient(endpoint)
    key, item = to_attributes(KEY), _item()

    def put() -> object:
        return ours.put_item(TableName=name, Item=item)

    def read() -> object:
        return ours.batch_get_item(RequestItems=wanted)

    def claim() -> object:
        return ours.update_item(TableName=name, Key=key, UpdateExpression=ADD, ExpressionAttributeValues=values)

    wanted: dict[str, KeysAndAttributesTypeDef] = {
        name: {"Keys": [key], "ProjectionExpression": HEAD, "ConsistentRead": True}
    }
    values = to_attributes({":one": 1})
    updated = {"TableName": name, "Key": key, "UpdateExpression": ADD, "ExpressionAttributeValues": values}
    pairs: dict[str, tuple[Call, Call]] = {
        "PutItem": (put, partial(signed.call, "PutItem", {"TableName": name, "Item": item})),
        "BatchGetItem": (read, partial(signed.call, "BatchGetItem", {"RequestItems": wanted})),
        "UpdateItem": (claim, partial(signed.call, "UpdateItem", updated)),
    }
    return {operation: _difference(*pair, calls, repetitions) for operation, pair in pairs.items()}


def _item() -> Attributes:
    data: Json = {f"field_{number}": f"value {number}" for number in range(FIELDS)}
    return to_attributes({**KEY, "fetched_at": "2026-11-30T00:00:00Z", "digest": "d" * 64, "data": data})


def _difference(botocore: Call, signed: Call, calls: int, repetitions: int) -> float:
    botocore(), signed()  # connect
    runs = [(_milliseconds(botocore, calls), _milliseconds(signed, calls)) for _ in range(repetitions)]
    return statistics.median(one - other for one, other in runs)


def _milliseconds(call: Call, calls: int) -> float:
    """Processor time of one call."""
    started_at = time.thread_time()
    for _ in range(calls):
        call()
    return 1000 * (time.thread_time() - started_at) / calls
