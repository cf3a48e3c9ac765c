"""The handlers as Lambda would load them, in front of moto and the stand-in."""

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_secretsmanager import SecretsManagerClient
from mypy_boto3_sqs import SQSClient

from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from dev.fake_stripe.client import StandIn
from tests.emulated_aws import emulated_aws
from tests.template_file import ROOT, resource_properties

SECRET = "whsec_current"
KEY = "sk_test_standin"
_numbers = itertools.count()

Load = Callable[[str], ModuleType]


@dataclass
class Context:
    """The parts of Lambda's context that the handlers read."""

    aws_request_id: str = "a-request"
    seconds: float = 60

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Cloud:
    """The AWS resources of a function, and its environment variables."""

    def __init__(self) -> None:
        self.dynamodb: DynamoDBClient = boto3.client("dynamodb")
        self.sqs: SQSClient = boto3.client("sqs")
        self.secrets: SecretsManagerClient = boto3.client("secretsmanager")
        self.queue_url = self.sqs.create_queue(QueueName="queue")["QueueUrl"]
        self.quarantine_url = self.sqs.create_queue(QueueName="quarantine")["QueueUrl"]
        self.environment = {
            "STACK_NAME": "a-stack",
            "QUEUE_URL": self.queue_url,
            "QUARANTINE_URL": self.quarantine_url,
            "SIGNING_SECRET_ARN": self.secret("signing", SECRET),
            "STRIPE_KEY_ARN": self.secret("key", "rk_test_1"),
            "WEBHOOK_SOURCES": "",
            "TABLE_NAME": "a-table",
            "STRIPE_API_BASE": "http://127.0.0.1:9",
            "STRIPE_PREVIEW_VERSION": "",
            "STRIPE_REQUESTS_PER_SECOND": "1000",
            "RECONCILE_REQUESTS_PER_SECOND": "500",
            "MAX_CONCURRENCY": "5",
            "CONTEXTS": "none",
            "CLOCK_SKEW_MARGIN_SECONDS": "5",
            "COALESCING_MILLISECONDS": "75",
            "USAGE_SWEEP": "off",
            "RECOVER_MINUTES": "5",
            "RATE_CARD_SUBSCRIPTION_HOURS": "1",
            "ACTIVITY_HOURS": "24",
            "CONFIGURATION_HOURS": "168",
            "CATALOG_HOURS": "168",
            "DEEP_VERIFY_PERCENT": "0",
            "TOMBSTONE_DAYS": "0",
            "EVENT_BUS": "",
            "HISTORY_DAYS": "0",
            "DEAD_LETTERS_URL": self.quarantine_url,
            "POWERTOOLS_METRICS_NAMESPACE": "BillingMirror",
            # Powertools keeps one logger for each name, and with it the output of the test before.
            "POWERTOOLS_SERVICE_NAME": f"function-{next(_numbers)}",
        }

    def secret(self, name: str, text: str) -> str:
        return self.secrets.create_secret(Name=name, SecretString=text)["ARN"]

    def create_table(self) -> None:
        properties = resource_properties("Table")
        self.dynamodb.create_table(
            TableName=self.environment["TABLE_NAME"],
            BillingMode="PAY_PER_REQUEST",
            KeySchema=properties["KeySchema"],
            AttributeDefinitions=properties["AttributeDefinitions"],
            GlobalSecondaryIndexes=properties["GlobalSecondaryIndexes"],
        )

    def empty_table(self) -> None:
        self.dynamodb.delete_table(TableName=self.environment["TABLE_NAME"])
        self.create_table()

    def waiting(self, url: str) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with emulated_aws():
        yield Cloud()


@pytest.fixture
def at_stripe(cloud: Cloud) -> Iterator[StandIn]:
    """A Stripe and a table for the functions."""
    cloud.create_table()
    with running(Backend([KEY])) as server:
        cloud.environment |= {
            "STRIPE_API_BASE": server.api_base,
            "STRIPE_KEY_ARN": cloud.secret("stripe", KEY),
            "STRIPE_REQUESTS_PER_SECOND": "1000",
            "MAX_CONCURRENCY": "1",
        }
        yield StandIn(server.api_base)


@pytest.fixture
def load(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Starts a function by its folder's name, as a cold container does."""

    def load(name: str) -> ModuleType:
        for variable, value in cloud.environment.items():
            monkeypatch.setenv(variable, value)
        path = ROOT / "functions" / name / "handler.py"
        return _module(path)

    return load


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"handler_of_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
