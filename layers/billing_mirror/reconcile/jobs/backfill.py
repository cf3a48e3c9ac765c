"""Backfill: insert objects from list pages, a hundred objects for one request.

A list may be stale, so its objects are only inserted where nothing is mirrored yet, under token 0. Every claimed
token is higher, so an insert never replaces what a fetch has stored. See docs/architecture.md.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from billing_mirror.core.errors import UnstorableObject
from billing_mirror.core.events.messages import write_message
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Drift, Resolution
from billing_mirror.core.table import items
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.ports import Ports
from billing_mirror.refresh.from_lists import Stored, is_complete, raise_transient, store_unclaimed
from billing_mirror.refresh.references import customer_or_owner, not_mirrored, owner_heads, references
from billing_mirror.refresh.related_objects import refresh_request
from billing_mirror.refresh.unstorable import noted

from ..even_spread import EvenSpread
from ..gather import gather_all
from ..lists.pages import ObjectPage
from ..runs.active_run import ActiveRun

INSERTED_TOGETHER = 25
"""Objects that one request inserts, the most that DynamoDB takes."""
INSERTS_AT_ONCE = 2
"""Concurrent requests that insert, where the table is slower than Stripe."""
MAX_SPREAD = 2.0
"""Seconds over which the writes of a page are spread: a tick that ends amid a page has to read the page again."""


async def insert_new(new: Mapping[ObjectRef, JsonObject], page: ObjectPage, run: ActiveRun) -> None:
    """Inserts objects that the mirror has never seen; queues those that the list may show incompletely."""
    customers = await _customers(new, run.ports)
    complete = {ref: entry for ref, entry in new.items() if ref in customers and is_complete(ref.object_type, entry)}
    # Before the inserts: once the objects are mirrored, nothing else shows what they reference.
    named = [one for ref, entry in complete.items() for one in references(ref, entry)]
    await enqueue([*_incomplete(new, complete), *await not_mirrored(named, run.ports.mirror)], run)
    # A hundred writes at once would slow down those of live events, and there is time until the next request.
    refs, until = [*complete], min(page.next_request_at, run.ports.clock.now() + MAX_SPREAD)
    batches = [refs[start : start + INSERTED_TOGETHER] for start in range(0, len(refs), INSERTED_TOGETHER)]
    spread = EvenSpread(len(batches), run.ports.clock, at_once=INSERTS_AT_ONCE, until=until)

    async def insert(batch: Sequence[ObjectRef]) -> None:
        async with spread.next():
            await _insert({ref: _observation(ref, complete[ref], page) for ref in batch}, customers, run)

    await gather_all(map(insert, batches))


def _incomplete(new: Iterable[ObjectRef], complete: Container[ObjectRef]) -> list[ObjectRef]:
    """The objects that the list may show incompletely."""
    return [ref for ref in new if ref not in complete]


def _observation(ref: ObjectRef, entry: JsonObject, page: ObjectPage) -> Observation:
    return Observation(
        page.requested_at,
        page.stripe_version,
        page.request_id,
        entry,
        digest(ref.object_type, entry),
        missing_fields=page.missing_fields,
    )


async def _insert(
    observed: Mapping[ObjectRef, Observation], customers: Mapping[ObjectRef, str | None], run: ActiveRun
) -> None:
    made = {ref: _item(ref, seen, customers[ref]) for ref, seen in observed.items()}
    new = {ref: item for ref, item in made.items() if not isinstance(item, UnstorableObject)}
    outcomes: dict[ObjectRef, Stored] = {ref: item for ref, item in made.items() if isinstance(item, UnstorableObject)}
    outcomes |= await store_unclaimed(new, run.ports.mirror)
    run.count(Counts(inserted=sum(outcome is True for outcome in outcomes.values())))
    for ref, outcome in outcomes.items():
        if isinstance(outcome, UnstorableObject):
            await _note(ref, observed[ref], outcome, run)
    raise_transient(outcomes.values())


def _item(ref: ObjectRef, observation: Observation, customer: str | None) -> Item | UnstorableObject:
    try:
        return items.item(ref, observation, customer)
    except UnstorableObject as error:
        return error


async def _note(ref: ObjectRef, observation: Observation, error: UnstorableObject, run: ActiveRun) -> None:
    try:
        async with noted(run.ports, ref, UNCLAIMED_TOKEN, observation):
            raise error
    except UnstorableObject as said:
        drift = Drift(ref.id, Difference.MISSING, Resolution.UNSTORABLE, reason=str(said))
        await run.record_drift(drift)


async def enqueue(refs: Sequence[ObjectRef], run: ActiveRun) -> None:
    """Queues a refresh of objects, in a group that live events overtake."""
    group = f"{run.scope}:backfill"
    await gather_all(run.ports.queue.send(write_message(refresh_request(ref)), group=group) for ref in refs)
    run.count(Counts(queued=len(refs)))


async def _customers(new: Mapping[ObjectRef, JsonObject], ports: Ports) -> Mapping[ObjectRef, str | None]:
    """The customer of each object, or None where it has none; without the objects whose customer is not known yet."""
    found = {ref: customer_or_owner(ref, entry) for ref, entry in new.items()}
    known = {ref: one for ref, one in found.items() if not isinstance(one, ObjectRef)}
    return known | {ref: owner.customer for ref, owner in (await owner_heads(found, ports.mirror)).items()}
