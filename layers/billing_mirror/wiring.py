"""Which adapters a function's flow gets: the only place that builds them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from .adapters.aws import QUICK, THREADS
from .adapters.clock import SystemClock
from .adapters.dynamodb import DynamoMirror
from .adapters.metric_counts import Tally
from .adapters.secrets import StoredSigningSecrets, StoredText
from .adapters.signature import verify
from .adapters.sqs import SqsQueue
from .adapters.state_store import DynamoJournal
from .adapters.stripe_api import StripeApi
from .core.rate_limiter import Pace
from .core.schedule import HOUR, MINUTE, Schedule
from .ingest.accept import Door
from .process.messages import Desk
from .reconcile.dependencies import Watch
from .refresh.apply import World
from .refresh.rate_limited import PacedStripe
from .settings import IngestSettings, ProcessSettings, ReconcileSettings, StripeSettings


def runner() -> asyncio.Runner:
    """What runs a function's flow: one loop for the life of a container, with threads for blocking calls."""
    made = asyncio.Runner()
    made.get_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    return made


def door(settings: IngestSettings) -> Door:
    """What ingest needs. Raises ``BadSetting``."""
    clock = SystemClock()
    queue = SqsQueue(boto3.client("sqs", config=QUICK), settings.queue_url, settings.quarantine_url)
    secrets = StoredSigningSecrets(_stored_text(settings.signing_secret_arn, clock))
    return Door(clock, queue, secrets, verify)


def desk(settings: ProcessSettings, tally: Tally) -> Desk:
    """What process needs. Raises ``BadSetting``."""
    # Containers cannot see each other: each one keeps to its share of what all may ask for.
    share = settings.stripe_requests_per_second / settings.max_concurrency
    return Desk(_world(settings, Pace(share), tally), settings.absorb_margin_seconds)


def watch(settings: ReconcileSettings, tally: Tally) -> Watch:
    """What reconcile needs. Raises ``BadSetting``."""
    world = _world(settings, Pace(settings.stripe_requests_per_second), tally)
    journal = DynamoJournal(boto3.client("dynamodb", config=QUICK), settings.table_name)
    schedule = Schedule(
        events=settings.events_minutes * MINUTE,
        subscriptions=settings.subscription_hours * HOUR,
        activity=settings.activity_hours * HOUR,
        pricing=settings.pricing_hours * HOUR,
        usage=settings.activity_hours * HOUR if settings.usage_sweep == "on" else None,
    )
    return Watch(world, journal, schedule)


def _world(settings: StripeSettings, pace: Pace, tally: Tally) -> World:
    clock = SystemClock()
    stripe = StripeApi(
        _stored_text(settings.stripe_key_arn, clock),
        api_base=settings.stripe_api_base,
        preview_version=settings.stripe_preview_version,
        tally=tally,
    )
    mirror = DynamoMirror(boto3.client("dynamodb", config=QUICK), settings.table_name)
    queue = SqsQueue(boto3.client("sqs", config=QUICK), settings.queue_url, settings.quarantine_url)
    return World(clock, mirror, PacedStripe(stripe, clock, pace), queue)


def _stored_text(arn: str, clock: SystemClock) -> StoredText:
    provider = SecretsProvider(boto3_client=boto3.client("secretsmanager", config=QUICK))
    return StoredText(provider, arn, clock)
