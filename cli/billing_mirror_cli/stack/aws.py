"""The clients of AWS that a verb uses."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# A person waits: two tries, and no minute without a word.
_QUICK = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
# A run answers after a quarter of an hour at most. A second try would start it again.
_LONG = Config(connect_timeout=5, read_timeout=930, retries={"total_max_attempts": 1}, tcp_keepalive=True)


class Aws:
    """Clients of one account and region, or of the emulator at an address; each is made when it is needed."""

    def __init__(self, session: boto3.Session, endpoint: str | None = None) -> None:
        self.session = session
        self.endpoint = endpoint

    @property
    def region(self) -> str:
        return str(self.session.region_name or "")

    def client(self, service: str) -> Any:  # noqa: ANN401 - for services without stubs; the caller names a Protocol
        """A client of a service that has no property here."""
        return self.session.client(service, endpoint_url=self.endpoint, config=_QUICK)  # type: ignore[call-overload]

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return self.session.client("cloudformation", endpoint_url=self.endpoint, config=_QUICK)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return self.session.client("dynamodb", endpoint_url=self.endpoint, config=_QUICK)

    @cached_property
    def sqs(self) -> SQSClient:
        return self.session.client("sqs", endpoint_url=self.endpoint, config=_QUICK)

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        return self.session.client("secretsmanager", endpoint_url=self.endpoint, config=_QUICK)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return self.session.client("logs", endpoint_url=self.endpoint, config=_QUICK)

    @cached_property
    def functions(self) -> LambdaClient:
        return self.session.client("lambda", endpoint_url=self.endpoint, config=_LONG)
