"""Builds what ingest needs: no Stripe library, table or event loop, for which each cold start would pay."""

import boto3

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.blocking import call_directly
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.secrets import StoredSigningSecrets
from billing_mirror.adapters.sqs import SqsQueue
from billing_mirror.core.events.signature import is_signed
from billing_mirror.core.events.sources import networks_in
from billing_mirror.ingest.accept import IngestDependencies
from billing_mirror.settings import IngestSettings

from .secrets import stored_text


def ingest_dependencies(settings: IngestSettings) -> IngestDependencies:
    """What ingest needs. Nothing in it ever waits for the loop. Raises ``ConfigurationError``."""
    clock = SystemClock()
    client = boto3.client("sqs", config=QUICK)
    queue = SqsQueue(client, settings.queue_url, settings.quarantine_url, call=call_directly)
    secrets = StoredSigningSecrets(stored_text(settings.signing_secret_arn, clock))
    return IngestDependencies(clock, queue, secrets, is_signed, networks_in(settings.webhook_sources))
