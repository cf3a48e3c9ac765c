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
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.ports import Ports
from billing_mirror.refresh.from_lists import is_complete, put_unclaimed
from billing_mirror.refresh.references import customer_or_owner, not_mirrored, owner_heads, references
from billing_mirror.refresh.related_objects import refresh_request
from billing_mirror.refresh.unstorable import noted

from ..even_spread import EvenSpread
from ..gather import gather_all
from ..lists.pages import ObjectPage
from ..runs.active_run import ActiveRun

WRITES_AT_ONCE = 4
"""Concurrent writes of a page, where the table is slower than Stripe."""
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
    until = min(page.next_request_at, run.ports.clock.now() + MAX_SPREAD)
    spread = EvenSpread(len(complete), run.ports.clock, at_once=WRITES_AT_ONCE, until=until)
    await gather_all(_insert(ref, entry, customers[ref], page, run, spread) for ref, entry in complete.items())


def _incomplete(new: Iterable[ObjectRef], complete: Container[ObjectRef]) -> list[ObjectRef]:
    """The objects that the list may show incompletely."""
    return [ref for ref in new if ref not in complete]


async def _insert(
    ref: ObjectRef, entry: JsonObject, customer: str | None, page: ObjectPage, run: ActiveRun, spread: EvenSpread
) -> None:
    observation = Observation(
        page.requested_at,
        page.stripe_version,
        page.request_id,
        entry,
        digest(ref.object_type, entry),
        missing_fields=page.missing_fields,
    )
    try:
        async with noted(run.ports, ref, UNCLAIMED_TOKEN, observation):
            item = items.item(ref, observation, customer)
            async with spread.next():
                stored = await put_unclaimed(ref, item, run.ports.mirror)
    except UnstorableObject as error:
        await run.record_drift(Drift(ref.id, Difference.MISSING, Resolution.UNSTORABLE, reason=str(error)))
        return
    run.count(Counts(inserted=int(stored)))


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
