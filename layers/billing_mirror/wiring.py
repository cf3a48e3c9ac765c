"""Builds the adapters of each function's flow; nothing else builds them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from .adapters.aws import QUICK, THREADS
from .adapters.clock import SystemClock
from .adapters.dynamodb import DynamoMirror
from .adapters.metric_counts import MetricCounts
from .adapters.secrets import StoredSigningSecrets, StoredText
from .adapters.signature import verify
from .adapters.sqs import SqsQueue
from .adapters.state_store import DynamoStateStore
from .adapters.stripe_api import StripeApi
from .core.rate_limiter import RateLimiter
from .core.schedule import HOUR, MINUTE, Schedule
from .ingest.accept import IngestDependencies
from .ports import Ports
from .process.messages import ProcessDependencies
from .reconcile.dependencies import ReconcileDependencies
from .refresh.rate_limited import RateLimitedStripe
from .settings import IngestSettings, ProcessSettings, ReconcileSettings, StripeSettings


def runner() -> asyncio.Runner:
    """The event loop of a container, with threads for blocking calls."""
    created = asyncio.Runner()
    created.get_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    return created


def ingest_dependencies(settings: IngestSettings) -> IngestDependencies:
    """What ingest needs. Raises ``ConfigurationError``."""
    clock = SystemClock()
    queue = SqsQueue(boto3.client("sqs", config=QUICK), settings.queue_url, settings.quarantine_url)
    secrets = StoredSigningSecrets(_stored_text(settings.signing_secret_arn, clock))
    return IngestDependencies(clock, queue, secrets, verify)


def process_dependencies(settings: ProcessSettings, metric_counts: MetricCounts) -> ProcessDependencies:
    """What process needs. Raises ``ConfigurationError``."""
    # Containers share no state, so each gets an equal share of the rate.
    share = settings.stripe_requests_per_second / settings.max_concurrency
    return ProcessDependencies(_ports(settings, RateLimiter(share), metric_counts), settings.clock_skew_margin_seconds)


def reconcile_dependencies(settings: ReconcileSettings, metric_counts: MetricCounts) -> ReconcileDependencies:
    """What reconcile needs. Raises ``ConfigurationError``."""
    ports = _ports(settings, RateLimiter(settings.stripe_requests_per_second), metric_counts)
    state_store = DynamoStateStore(boto3.client("dynamodb", config=QUICK), settings.table_name)
    schedule = Schedule(
        recover=settings.recover_minutes * MINUTE,
        rate_card_subscriptions=settings.rate_card_subscription_hours * HOUR,
        activity=settings.activity_hours * HOUR,
        configuration=settings.configuration_hours * HOUR,
        catalog=settings.catalog_hours * HOUR,
        usage=settings.activity_hours * HOUR if settings.usage_sweep == "on" else None,
    )
    return ReconcileDependencies(ports, state_store, schedule)


def _ports(settings: StripeSettings, limiter: RateLimiter, metric_counts: MetricCounts) -> Ports:
    clock = SystemClock()
    stripe = StripeApi(
        _stored_text(settings.stripe_key_arn, clock),
        api_base=settings.stripe_api_base,
        preview_version=settings.stripe_preview_version,
        metric_counts=metric_counts,
    )
    mirror = DynamoMirror(boto3.client("dynamodb", config=QUICK), settings.table_name)
    queue = SqsQueue(boto3.client("sqs", config=QUICK), settings.queue_url, settings.quarantine_url)
    return Ports(clock, mirror, RateLimitedStripe(stripe, clock, limiter), queue)


def _stored_text(arn: str, clock: SystemClock) -> StoredText:
    provider = SecretsProvider(boto3_client=boto3.client("secretsmanager", config=QUICK))
    return StoredText(provider, arn, clock)
