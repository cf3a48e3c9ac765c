"""Usage pairs: which customer is metered by which meter, recorded before any usage is fetched.

A customer and a meter have one entry, however many subscriptions name them. So each pair is swept once, in the order
of the sort keys, and only a few pairs are in memory. An entry lasts as long as the pair's usage can still change, also
after the subscription has ended: its last hour comes later.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from billing_mirror.core import json_body
from billing_mirror.core.catalog import METERED_TYPES, TYPES, USAGE, Usage
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.checkpoints import UsageCheckpoint
from billing_mirror.core.table.items import Item
from billing_mirror.ports import Ports
from billing_mirror.reconcile.gather import gather_all
from billing_mirror.reconcile.lists.index_walk import BATCH, walk_index
from billing_mirror.reconcile.runs.active_run import ActiveRun
from billing_mirror.reconcile.runs.checkpoints import sort_key_part
from billing_mirror.refresh.references import is_of_account

HOUR = 3600
STILL_CHANGING = (35 * 24 + 2) * HOUR
"""Seconds into the past for which Stripe accepts meter events, plus some for their aggregation.

https://docs.stripe.com/api/billing/meter-event/create
"""
PAIRS = "usage:pairs"
"""The partition of the pairs."""
SLICES = tuple(
    (object_type.name, object_type.usage, status)
    for object_type in METERED_TYPES
    if object_type.usage
    for status in object_type.usage.statuses
)
"""The subscriptions whose customers are billed by usage, by type and status."""
MAX_OWNERS = 1_000
"""Rate card versions whose meters are in memory."""


@dataclass(frozen=True, slots=True)
class UsagePair:
    """A meter, and a customer who is billed by it or was.

    ``until`` (seconds since 1970) is the time until which the pair's usage can change, as far as is known.
    """

    meter: str
    customer: str
    until: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        return f"{self.meter}/{self.customer}"

    @property
    def sort_key(self) -> str:
        return sort_key_part(self.name)

    def ref(self, scope: Scope) -> ObjectRef:
        """What is claimed before the pair's usage is fetched. Its hours are stored below it."""
        return ObjectRef(scope, USAGE, self.name, self.name)

    def to_item(self) -> Item:
        return {"pair": self.name, "expires_at": self.until}

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        # The id of a customer may contain slashes: some are chosen by users.
        meter, _, customer = str(item["pair"]).partition("/")
        return cls(meter, customer, int(str(item["expires_at"])))


async def store_pair(pair: UsagePair, run: ActiveRun) -> None:
    """Records a pair until its usage can no longer change."""
    await run.state_store.write(run.scope, PAIRS, pair.sort_key, pair.to_item())


async def pairs_after(sort_key: str, run: ActiveRun) -> AsyncIterator[UsagePair]:
    """The pairs after a sort key whose usage can still change."""
    async for item in run.state_store.after(run.scope, PAIRS, sort_key):
        pair = UsagePair.from_item(item)
        if pair.until > run.ports.clock.now():  # DynamoDB removes expired items with a delay
            yield pair


async def record_pairs(run: ActiveRun) -> None:
    """Records the pairs of all customers who are billed by usage now, from the run's checkpoint on.

    A subscription whose status changes meanwhile may be in no slice: the next run finds it.
    """
    meters, start = _Meters(run.scope, run.ports), run.checkpoints.latest(UsageCheckpoint)
    for number in range(start.slice, len(SLICES)):
        type_name, usage, status = SLICES[number]
        checkpoint = start if number == start.slice else UsageCheckpoint(slice=number)
        walk = walk_index(run.ports.mirror, run.scope, type_name, checkpoint.last_subscription, status=status)
        async for batch in walk:
            refs = [ref_to(run.scope, type_name, entry.id) for entry in batch.entries]
            await _record_pairs_of(refs, usage, meters, run)
            await run.save(UsageCheckpoint(slice=number, last_subscription=batch.end))


async def _record_pairs_of(refs: Sequence[ObjectRef], usage: Usage, meters: "_Meters", run: ActiveRun) -> None:
    heads = await run.ports.mirror.heads(refs)
    bodies = await gather_all(run.ports.mirror.body(ref) for ref in refs)
    until = int(run.ports.clock.now()) + STILL_CHANGING
    found = {
        UsagePair(meter, head.customer, until)
        for ref, body in zip(refs, bodies, strict=True)
        if body is not None and (head := heads.get(ref.key)) and head.customer
        if not is_of_account(ref.object_type, body)  # Stripe sums up usage by customer only
        for meter in await meters.of(usage, body)
    }
    await _store_all(found, run)


async def _store_all(pairs: Iterable[UsagePair], run: ActiveRun) -> None:
    """Stores pairs in batches: a few subscriptions may name very many."""
    waiting = iter(pairs)
    while batch := [*islice(waiting, BATCH)]:
        await gather_all(store_pair(pair, run) for pair in batch)
        await run.prolong_lease()


@dataclass
class _Meters:
    """The meters that bill the customer of an object. The meters of rate card versions are cached."""

    scope: Scope
    ports: Ports
    of_owner: dict[str, set[str]] = field(default_factory=dict)

    async def of(self, usage: Usage, body: JsonObject) -> set[str]:
        if usage.by is None:
            return json_body.texts_at(body, usage.meters)
        found: set[str] = set()
        for owner in json_body.texts_at(body, usage.by.path):
            if owner not in self.of_owner:
                meters = await self._of_members(ObjectRef(self.scope, TYPES[usage.by.type], owner), usage)
                if len(self.of_owner) == MAX_OWNERS:
                    self.of_owner.clear()
                self.of_owner[owner] = meters
            found |= self.of_owner[owner]
        return found

    async def _of_members(self, owner: ObjectRef, usage: Usage) -> set[str]:
        head = (await self.ports.mirror.heads([owner])).get(owner.key)
        members = [
            ObjectRef(self.scope, TYPES[type_name], member)
            for type_name, ids in (head.members if head else {}).items()
            for member in ids
        ]
        found: set[str] = set()
        for start in range(0, len(members), BATCH):
            # Deleted members too, by their last known bodies.
            bodies = await gather_all(self.ports.mirror.body(member) for member in members[start : start + BATCH])
            found = found.union(*(json_body.texts_at(body, usage.meters) for body in bodies if body))
        return found
