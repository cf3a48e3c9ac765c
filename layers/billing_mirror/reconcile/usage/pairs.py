"""Who is billed by usage, and by which meters: written down before anybody's usage is asked for.

A customer and a meter have one entry, however many subscriptions name them. So each pair is looked at once, in the
order of the entries, and only a few pairs are in memory. An entry lasts for as long as the pair's usage can still
change, whoever is billed by then: a last hour comes after the end of a subscription.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from billing_mirror.core import json_body
from billing_mirror.core.catalog import METERED_TYPES, TYPES, USAGE, Usage
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.items import Item
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.ports import IndexEntry, Ports
from billing_mirror.reconcile.gather import gather_all
from billing_mirror.reconcile.runs.active_run import ActiveRun, in_a_place

HOUR = 3600
STILL_CHANGING = (35 * 24 + 2) * HOUR
"""Seconds into the past for which Stripe takes meter events, and some for adding them up.

https://docs.stripe.com/api/billing/meter-event/create
"""
PAIRS = "usage:pairs"
"""The book of the pairs."""
SLICES = tuple(
    (object_type.name, object_type.usage, status)
    for object_type in METERED_TYPES
    if object_type.usage
    for status in object_type.usage.statuses
)
"""The subscriptions whose customers are billed by usage, by type and status."""
BATCH = 100
"""Objects that are looked up at once, and pairs that are written at once."""
MOST_OWNERS = 1_000
"""Rate card versions whose meters are in memory."""


@dataclass(frozen=True, slots=True)
class UsagePair:
    """A customer and a meter that the customer is billed by, or was.

    Until then (seconds since 1970) its usage can still change, as far as is known.
    """

    meter: str
    customer: str
    until: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        return f"{self.meter}/{self.customer}"

    @property
    def sort_key(self) -> str:
        """Of its entry."""
        return in_a_place(self.name)

    def ref(self, scope: Scope) -> ObjectRef:
        """What is claimed before the pair's usage is fetched; its hours are stored below it."""
        return ObjectRef(scope, USAGE, self.name, self.name)


async def store_pair(pair: UsagePair, round_: ActiveRun) -> None:
    """Writes a pair down, until its usage can change no more."""
    entry: Item = {"pair": pair.name, "expires_at": pair.until}
    await round_.state_store.write(round_.scope, PAIRS, pair.sort_key, entry)


def pair_from_item(entry: Item) -> UsagePair:
    """The pair that an entry was written for."""
    # The id of a customer may have slashes: some were chosen.
    meter, _, customer = str(entry["pair"]).partition("/")
    return UsagePair(meter, customer, int(str(entry["expires_at"])))


async def pairs_after(place: str, round_: ActiveRun) -> AsyncIterator[UsagePair]:
    """The pairs whose usage can still change, from the entry after a place on."""
    async for entry in round_.state_store.after(round_.scope, PAIRS, place):
        pair = pair_from_item(entry)
        if pair.until > round_.ports.clock.now():  # DynamoDB takes its time to remove what has expired
            yield pair


async def record_pairs(round_: ActiveRun) -> None:
    """Keeps the pairs of all who are billed by usage now, from the round's place on.

    ``listing`` of a place is the number of a slice; ``created`` and ``owner`` are its last subscription whose pairs
    are kept. A subscription whose status changes meanwhile may be in no slice: the next run finds it.
    """
    meters, first = _Meters(round_.scope, round_.ports), round_.place
    for number in range(first.listing, len(SLICES)):
        type_name, usage, status = SLICES[number]
        here = first if number == first.listing else Place(listing=number)
        async for stretch in _stretches(type_name, status, here, round_):
            refs = [ref_to(round_.scope, type_name, listed.id) for listed in stretch]
            await _write_down(refs, usage, meters, round_)
            await round_.save(Place(listing=number, owner=stretch[-1].id, created=stretch[-1].created))


async def _stretches(type_name: str, status: str, here: Place, round_: ActiveRun) -> AsyncIterator[list[IndexEntry]]:
    """The objects of a slice after a place, some at a time."""
    stretch: list[IndexEntry] = []
    async for listed in round_.ports.mirror.ids(round_.scope, type_name, status=status, since=here.created or None):
        if listed > IndexEntry(here.created, here.owner):
            stretch.append(listed)
        if len(stretch) == BATCH:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


async def _write_down(refs: Sequence[ObjectRef], usage: Usage, meters: "_Meters", round_: ActiveRun) -> None:
    heads = await round_.ports.mirror.heads(refs)
    held = await gather_all(round_.ports.mirror.body(ref) for ref in refs)
    until = int(round_.ports.clock.now()) + STILL_CHANGING
    found = {
        UsagePair(meter, head.customer, until)
        for ref, body in zip(refs, held, strict=True)
        if body is not None and (head := heads.get(ref.key)) and head.customer
        for meter in await meters.of(usage, body)
    }
    await _keep_all(found, round_)


async def _keep_all(pairs: Iterable[UsagePair], round_: ActiveRun) -> None:
    """Some at a time: a few subscriptions may name very many."""
    waiting = iter(pairs)
    while several := [*islice(waiting, BATCH)]:
        await gather_all(store_pair(pair, round_) for pair in several)
        await round_.prolong()


@dataclass
class _Meters:
    """The meters that an object's customer is billed by; those of a rate card's version are not looked up each time."""

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
                if len(self.of_owner) == MOST_OWNERS:
                    self.of_owner.clear()
                self.of_owner[owner] = meters
            found |= self.of_owner[owner]
        return found

    async def _of_members(self, owner: ObjectRef, usage: Usage) -> set[str]:
        head = (await self.ports.mirror.heads([owner])).get(owner.key)
        members = [
            ObjectRef(self.scope, TYPES[type_name], member)
            for type_name, several in (head.members if head else {}).items()
            for member in several
        ]
        found: set[str] = set()
        for start in range(0, len(members), BATCH):
            # Removed ones too: by their last known bodies.
            held = await gather_all(self.ports.mirror.body(member) for member in members[start : start + BATCH])
            found = found.union(*(json_body.texts_at(body, usage.meters) for body in held if body))
        return found
