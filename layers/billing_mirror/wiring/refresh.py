"""Builds what process and reconcile need: all that refreshes objects."""

from functools import partial

import boto3

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.adapters.sqs import SqsQueue
from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core.catalog import PREVIEW_VERSION
from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.metrics import Metric
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.schedule import HOUR, MINUTE, Schedule
from billing_mirror.core.stripe_api.budget import Limits
from billing_mirror.ports import Ports
from billing_mirror.process.messages import ProcessDependencies
from billing_mirror.process.seen_accounts import SeenAccounts
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.refresh.around_stripe.account import AccountGuard
from billing_mirror.refresh.around_stripe.optional_fields import OptionalFields
from billing_mirror.refresh.around_stripe.rate_limited import RateLimitedStripe
from billing_mirror.refresh.around_stripe.shared_budget import SharedBudget
from billing_mirror.settings import ProcessSettings, ReconcileSettings, StripeSettings

from .secrets import stored_text

NEEDS_CONTEXTS = (
    "the Stripe key is an organization's, which owns no objects: set the parameter Contexts to seen, or to accounts"
)


def process_dependencies(settings: ProcessSettings, metric_counts: MetricCounts) -> ProcessDependencies:
    """What process needs. Raises ``ConfigurationError``."""
    ports, account = _ports(settings, metric_counts)
    accounts = SeenAccounts(_state_store(settings))
    margin, pause = settings.clock_skew_margin_seconds, settings.coalescing_milliseconds / 1000
    return ProcessDependencies(ports, margin, account, note_accounts=accounts.note, pause=pause)


def reconcile_dependencies(settings: ReconcileSettings, metric_counts: MetricCounts) -> ReconcileDependencies:
    """What reconcile needs. Raises ``ConfigurationError``."""
    ports, account = _ports(settings, metric_counts, of_reconcile=True)
    if not account.has_own_account and not settings.contexts:
        raise ConfigurationError(NEEDS_CONTEXTS)
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
        connected=settings.contexts,
        has_own_account=account.has_own_account,
    )


def _ports(
    settings: StripeSettings, metric_counts: MetricCounts, *, of_reconcile: bool = False
) -> tuple[Ports, AccountGuard]:
    clock = SystemClock()
    stripe = StripeApi(
        stored_text(settings.stripe_key_arn, clock),
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
    limited = RateLimitedStripe(account, clock, budget, tries_again=not of_reconcile)
    return Ports(clock, mirror, OptionalFields(limited, clock, metric_counts.add_missing_field), queue), account


def _state_store(settings: StripeSettings) -> DynamoStateStore:
    return DynamoStateStore(boto3.client("dynamodb", config=QUICK), settings.table_name)
