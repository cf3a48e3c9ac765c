"""What the local AWS does with records of a stream whose function reports failures: what AWS does, or some are lost."""

import io
import json
import time
import zipfile
from pathlib import Path

from dev.sandbox.deploy import session
from dev.sandbox.ministack import MiniStack

FUNCTION = """
import json, os, pathlib

def handler(event, context):
    numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    path = pathlib.Path(os.environ["DELIVERIES"])
    first = not path.exists()
    with path.open("a") as deliveries:
        deliveries.write(json.dumps(numbers) + "\\n")
    return {"batchItemFailures": [{"itemIdentifier": numbers[0]}] if first else []}
"""
ROLE = "arn:aws:iam::000000000000:role/any"
PATIENCE = 30.0


def zipped(source: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", source)
    return data.getvalue()


def test_a_record_whose_function_reports_a_failure_is_delivered_again(local_aws: MiniStack, tmp_path: Path) -> None:
    aws, endpoint, deliveries = session(), local_aws.endpoint, tmp_path / "deliveries"
    dynamodb, functions = aws.client("dynamodb", endpoint_url=endpoint), aws.client("lambda", endpoint_url=endpoint)
    made = dynamodb.create_table(
        TableName="streamed",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    functions.create_function(
        FunctionName="fails-once",
        Runtime="python3.13",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped(FUNCTION)},
        Environment={"Variables": {"DELIVERIES": str(deliveries)}},
    )
    mapping = functions.create_event_source_mapping(
        FunctionName="fails-once",
        EventSourceArn=made["TableDescription"]["LatestStreamArn"],
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    try:
        dynamodb.put_item(TableName="streamed", Item={"pk": {"S": "one"}})
        until = time.monotonic() + PATIENCE
        while not _delivered(deliveries)[1:] and time.monotonic() < until:
            time.sleep(0.1)
        first, again, *_ = _delivered(deliveries)
        assert first == again
    finally:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])


def _delivered(path: Path) -> list[list[str]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
