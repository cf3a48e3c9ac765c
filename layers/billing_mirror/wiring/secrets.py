"""Builds what reads a secret."""

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.secrets import StoredText


def stored_text(arn: str, clock: SystemClock) -> StoredText:
    provider = SecretsProvider(boto3_client=boto3.client("secretsmanager", config=QUICK))
    return StoredText(provider, arn, clock)
