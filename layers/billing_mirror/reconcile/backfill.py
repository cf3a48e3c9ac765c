"""Filling the mirror from lists: a hundred objects for one request.

What a list shows may be old, so it is only taken where nothing is mirrored yet, and under the number 0: whatever was
or will be claimed is newer, so no event's write is ever lost to it. See docs/architecture.md.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from billing_mirror.core import items, json_body
from billing_mirror.core.catalog import ApiChannel, ObjectType, Reference
from billing_mirror.core.drift import Difference, digest
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.items import Item, Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import RefreshRequest, write_message
from billing_mirror.core.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.run import Drift, Resolution
from billing_mirror.ports import Mirror, Ports

from .even_spread import EvenSpread
from .gather import gather_all
from .pages import Page
from .runs.active_run import ActiveRun

WRITES_AT_ONCE = 4
"""Writes of a page that are under way at the same time, where the table is slower than Stripe."""
LONGEST_SPREAD = 2.0
"""Seconds: a tick that ends amid a page has to read it again."""


async def insert_new(found: Mapping[ObjectRef, JsonObject], page: Page, round_: ActiveRun) -> None:
    """Stores objects that the mirror has never seen as a page shows them; what it may not show whole is queued."""
    object_type = next(iter(found)).object_type
    owners = await _customers(object_type, found, round_.ports)
    whole = {
        ref: entry
        for ref, entry in found.items()
        if _is_whole(object_type, entry) and not (isinstance(object_type.customer, Reference) and ref not in owners)
    }
    referred = await _referred(object_type, whole, round_.ports)
    # First: once the objects are mirrored, nothing else tells what they refer to.
    await enqueue([*_incomplete(found, whole), *referred], round_)
    # A hundred writes at once would be in the way of those of live events; until the next request there is time.
    until = min(page.next_at, round_.ports.clock.now() + LONGEST_SPREAD)
    turns = EvenSpread(len(whole), round_.ports.clock, at_once=WRITES_AT_ONCE, until=until)
    await gather_all(_insert(ref, entry, owners.get(ref), page, round_, turns) for ref, entry in whole.items())


def _incomplete(found: Iterable[ObjectRef], whole: Container[ObjectRef]) -> list[ObjectRef]:
    """The objects that the page may not show whole."""
    return [ref for ref in found if ref not in whole]


async def _insert(
    ref: ObjectRef,
    entry: JsonObject,
    customer: str | None,
    page: Page,
    round_: ActiveRun,
    turns: EvenSpread,
) -> None:
    seen = Observation(page.asked_at, page.stripe_version, page.request_id, entry, digest(ref.object_type, entry))
    try:
        item = items.item(ref, seen, customer)
    except PermanentError as error:
        await round_.decided(Drift(ref.id, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
        return
    async with turns.next():
        stored = await _put_unclaimed(ref, item, round_.ports.mirror)
    round_.run.counts.inserted += stored  # not in one with the write: others count while it is waited for


async def _put_unclaimed(ref: ObjectRef, item: Item, mirror: Mirror) -> bool:
    """Stores an object that the mirror has never seen, under the number that every claim is newer than."""
    return await mirror.put(ref, UNCLAIMED_TOKEN, item)


async def enqueue(refs: Sequence[ObjectRef], round_: ActiveRun) -> None:
    """Has objects fetched by whoever processes the queue, after all that is live."""
    group = f"{round_.scope}:backfill"
    await gather_all(round_.ports.queue.send(write_message(_refresh_request(one)), group=group) for one in refs)
    round_.run.counts.queued += len(refs)


def _is_whole(object_type: ObjectType, entry: JsonObject) -> bool:
    """Whether a list shows an object as a fetch would.

    Lists cut short the lists inside their objects. Whether those of v2 show what is shown on request only, is
    written nowhere: what lacks some of it is fetched. https://docs.stripe.com/api/pagination
    """
    if object_type.api is ApiChannel.PREVIEW and not all(name in entry for name in object_type.include):
        return False
    return not any(_is_cut_short(json_body.value_at(entry, sublist.path)) for sublist in object_type.sublists)


def _is_cut_short(value: json_body.Json) -> bool:
    return isinstance(value, dict) and value.get("has_more") is not False


async def _customers(
    object_type: ObjectType, found: Mapping[ObjectRef, JsonObject], ports: Ports
) -> Mapping[ObjectRef, str | None]:
    """Whose the objects are, as far as that is known here."""
    match object_type.customer:
        case Reference(path=path, type=type_name):
            return await _customers_via(path, type_name, found, ports)
        case str(path):
            return {ref: json_body.text_at(entry, path) for ref, entry in found.items()}
        case None:
            return {ref: ref.parent if object_type.parent_is_customer else None for ref in found}


async def _customers_via(
    path: str, type_name: str, found: Mapping[ObjectRef, JsonObject], ports: Ports
) -> Mapping[ObjectRef, str | None]:
    pointed: dict[ObjectRef, ObjectRef | None] = {}
    for ref, entry in found.items():
        named = json_body.text_at(entry, path)
        pointed[ref] = ref.in_same_scope(type_name, named) if named else None
    heads = await ports.mirror.heads({one for one in pointed.values() if one is not None})
    return {
        ref: heads[owner.key].customer if owner else None
        for ref, owner in pointed.items()
        if owner is None or owner.key in heads
    }


async def _referred(object_type: ObjectType, found: Mapping[ObjectRef, JsonObject], ports: Ports) -> list[ObjectRef]:
    """The objects that these name, that no event and perhaps no list tells of, and that are not mirrored yet."""
    named: dict[str, ObjectRef] = {}
    for ref, entry in found.items():
        for one in _references(object_type, ref, entry):
            named[one.key] = one
    heads = await ports.mirror.heads(named.values()) if named else {}
    return [one for key, one in named.items() if key not in heads]


def _references(object_type: ObjectType, ref: ObjectRef, entry: JsonObject) -> Iterable[ObjectRef]:
    for reference in object_type.references:
        if identifier := json_body.text_at(entry, reference.path):
            try:
                yield ref.in_same_scope(reference.type, identifier)
            except PermanentError:
                continue  # the object that names it is stored all the same


def _refresh_request(ref: ObjectRef) -> RefreshRequest:
    return RefreshRequest(
        livemode=ref.scope.livemode,
        context=ref.scope.context,
        type=ref.type,
        id=ref.id,
        parent=ref.parent,
    )
