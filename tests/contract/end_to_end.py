"""End to end: an event is signed, accepted, queued, fetched from the stand-in, stored, and read."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.events.signature import is_signed
from billing_mirror.core.runs.run import Drift, Run
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.ingest.accept import IngestAnswer, IngestDependencies, accept
from billing_mirror.ports import Mirror, Ports, StateStore, Stripe
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult, ProcessDependencies
from billing_mirror.reader import Reader
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.encoding import dumps
from dev.fake_stripe.api.protocol import Request
from dev.fake_stripe.client import StandIn
from dev.fake_stripe.events.event import as_sent
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue
from tests.doubles.runs import drifts, run_now

KEY = "sk_test_standin"
SECRET = "whsec_end_to_end"
PREVIEW = "2026-10-14.preview"
DONE = frozenset(Outcome) - {Outcome.POSTPONED, Outcome.QUARANTINED}


class FixedText:
    """Implements ``adapters.stripe_api.StripeKey``."""

    def current(self) -> str:
        return KEY

    def refreshed(self) -> str:
        return KEY


class Secrets:
    """Implements ``ports.SigningSecrets``."""

    async def current(self) -> Sequence[str]:
        return [SECRET]

    async def refreshed(self) -> Sequence[str]:
        return [SECRET]


def signature(text: str, at: float) -> str:
    """The header that Stripe would send with a body."""
    signed = hmac.new(SECRET.encode(), f"{int(at)}.{text}".encode(), hashlib.sha256).hexdigest()
    return f"t={int(at)},v1={signed}"


@dataclass
class Flows:
    """The flows on a Stripe, a table, and a queue."""

    clock: ManualClock
    stripe: Stripe
    mirror: Mirror
    state_store: StateStore
    queue: MemoryQueue = field(init=False)

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    @property
    def ports(self) -> Ports:
        return Ports(self.clock, self.mirror, self.stripe, self.queue)

    @property
    def reconcile_dependencies(self) -> ReconcileDependencies:
        return ReconcileDependencies(self.ports, self.state_store, Schedule())

    async def accept(self, event: str | dict[str, Any]) -> IngestAnswer:
        """What the webhook answers to an event that Stripe has signed."""
        text = event if isinstance(event, str) else dumps(event)
        dependencies = IngestDependencies(self.clock, self.queue, Secrets(), is_signed)
        return await accept(text.encode(), signature(text, self.clock.now()), dependencies)

    async def work(self) -> list[MessageResult]:
        """Refreshes until the queue is empty; what is to be received later is received at once."""
        ended: list[MessageResult] = []
        while self.queue.waiting:
            batch = self.queue.receive()
            if not batch:
                self.clock.advance(max(1.0, min(one.visible_at for one in self.queue.waiting) - self.clock.now()))
                continue
            done = await process_batch(
                batch, ProcessDependencies(self.ports, clock_skew_margin=5.0), deadline=self.clock.now() + 60
            )
            for one in done:
                if one.retry:
                    raise AssertionError(f"not done: {one.reason} {one.trace}")
                self.queue.delete(one.item.received.receipt)
            ended += done
        return ended

    async def request_refresh(
        self, type_name: str, object_id: str, parent: str | None = None, *, unlisted: bool = False
    ) -> None:
        """Sends the refresh request for an object whose list entry differs or is missing."""
        refresh_request = RefreshRequest(livemode=False, type=type_name, id=object_id, parent=parent, unlisted=unlisted)
        await self.queue.send(write_message(refresh_request), group="test")

    async def reconcile(self, object_type: ObjectType) -> Run:
        return await run_now(object_type, self.reconcile_dependencies)

    async def drifts(self, run: Run) -> list[Drift]:
        return await drifts(run, self.reconcile_dependencies)


@dataclass
class EndToEnd:
    """A stand-in for Stripe, and the mirror of it."""

    backend: Backend
    stand_in: StandIn
    client: DynamoDBClient
    table: str
    requests: list[Request]
    """Requests that the stand-in was sent."""
    flows: Flows = field(init=False)

    def __post_init__(self) -> None:
        self.clock = ManualClock(time.time())  # the stand-in dates its events by the clock
        api = StripeApi(
            FixedText(),
            api_base=self.stand_in.api_base,
            preview_version=PREVIEW,
            metric_counts=MetricCounts(),
        )
        self.stripe = api
        mirror, state_store = DynamoMirror(self.client, self.table), DynamoStateStore(self.client, self.table)
        self.flows = Flows(self.clock, api, mirror, state_store)

    def reader(self, scope: str = "test") -> Reader:
        return Reader(self.table, scope=scope, client=self.client)

    def events(self, context: str = "") -> list[dict[str, Any]]:
        """Every event that Stripe has of an account, as it sends it."""
        account = self.backend.account(context, livemode=False)
        return [as_sent(event, self.backend.faults.settings) for event in account.events.values()]

    async def deliver(self, *event_ids: str, context: str = "") -> list[MessageResult]:
        """Delivers some events and processes all messages that follow."""
        for event in self.events(context):
            if event["id"] in event_ids:
                accepted = await self.flows.accept(event)
                assert accepted.status == 200, accepted.reason
        ended = await self.flows.work()
        assert self.flows.queue.quarantined == []
        assert {one.outcome for one in ended} <= DONE
        return ended
