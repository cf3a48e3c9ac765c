"""Builds the adapters of each function's flow; nothing else builds them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

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
from .core.budget import Limits
from .core.catalog import PREVIEW_VERSION
from .core.metrics import Metric
from .core.object_ref import Scope
from .core.schedule import HOUR, MINUTE, Schedule
from .core.sources import networks_in
from .ingest.accept import IngestDependencies
from .ports import Ports
from .process.messages import ProcessDependencies
from .reconcile.dependencies import ReconcileDependencies
from .refresh.account import AccountGuard
from .refresh.optional_fields import OptionalFields
from .refresh.rate_limited import RateLimitedStripe
from .refresh.shared_budget import SharedBudget
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
    return IngestDependencies(clock, queue, secrets, verify, networks_in(settings.webhook_sources))


def process_dependencies(settings: ProcessSettings, metric_counts: MetricCounts) -> ProcessDependencies:
    """What process needs. Raises ``ConfigurationError``."""
    ports, account = _ports(settings, metric_counts)
    return ProcessDependencies(ports, settings.clock_skew_margin_seconds, account)


def reconcile_dependencies(settings: ReconcileSettings, metric_counts: MetricCounts) -> ReconcileDependencies:
    """What reconcile needs. Raises ``ConfigurationError``."""
    ports, account = _ports(settings, metric_counts, of_reconcile=True)
    state_store = _state_store(settings)
    schedule = Schedule(
        recover=settings.recover_minutes * MINUTE,
        rate_card_subscriptions=settings.rate_card_subscription_hours * HOUR,
        activity=settings.activity_hours * HOUR,
        configuration=settings.configuration_hours * HOUR,
        catalog=settings.catalog_hours * HOUR,
        usage=settings.activity_hours * HOUR if settings.usage_sweep == "on" else None,
    )
    return ReconcileDependencies(
        ports,
        state_store,
        schedule,
        account=account,
        deep_verify_percent=settings.deep_verify_percent,
        tombstone_days=settings.tombstone_days,
    )


def _ports(
    settings: StripeSettings, metric_counts: MetricCounts, *, of_reconcile: bool = False
) -> tuple[Ports, AccountGuard]:
    clock = SystemClock()
    stripe = StripeApi(
        _stored_text(settings.stripe_key_arn, clock),
        api_base=settings.stripe_api_base,
        preview_version=settings.stripe_preview_version or PREVIEW_VERSION,
        metric_counts=metric_counts,
    )
    mirror = DynamoMirror(boto3.client("dynamodb", config=QUICK), settings.table_name)
    queue = SqsQueue(boto3.client("sqs", config=QUICK), settings.queue_url, settings.quarantine_url)
    refused = partial(metric_counts.add, Metric.WRONG_ACCOUNT)
    account = AccountGuard(stripe, clock, mirror, _state_store(settings), refused)
    budget = SharedBudget(
        _state_store(settings),
        Scope(stripe.livemode),
        clock,
        Limits.of(
            settings.stripe_requests_per_second, settings.reconcile_requests_per_second, livemode=stripe.livemode
        ),
        containers=settings.max_concurrency,
        of_reconcile=of_reconcile,
        on_alone=partial(metric_counts.add, Metric.BUDGET_UNSHARED),
    )
    limited = RateLimitedStripe(account, clock, budget)
    return Ports(clock, mirror, OptionalFields(limited, clock, metric_counts.add_missing_field), queue), account


def _state_store(settings: StripeSettings) -> DynamoStateStore:
    return DynamoStateStore(boto3.client("dynamodb", config=QUICK), settings.table_name)


def _stored_text(arn: str, clock: SystemClock) -> StoredText:
    provider = SecretsProvider(boto3_client=boto3.client("secretsmanager", config=QUICK))
    return StoredText(provider, arn, clock)
