"""Filling the mirror from lists: a hundred objects for one request.

What a list shows may be old, so it is only taken where nothing is mirrored yet, and under the number 0: whatever was
or will be claimed is newer, so no event's write is ever lost to it. See docs/architecture.md.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from billing_mirror.core import items
from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import ApiLine, ObjectType, Via
from billing_mirror.core.drift import Difference, digest
from billing_mirror.core.errors import Refused
from billing_mirror.core.items import Item, Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import Suspicion, write_message
from billing_mirror.core.mirror_state import UNCLAIMED
from billing_mirror.core.object_ref import Subject
from billing_mirror.core.run import Drift, Resolution
from billing_mirror.ports import Mirror
from billing_mirror.refresh.apply import World

from .even_spread import Turns
from .gather import together
from .pages import Page
from .runs.active_run import Round

WRITES_AT_ONCE = 4
"""Writes of a page that are under way at the same time, where the table is slower than Stripe."""
LONGEST_SPREAD = 2.0
"""Seconds: a tick that ends amid a page has to read it again."""


async def take(found: Mapping[Subject, JsonObject], page: Page, round_: Round) -> None:
    """Stores objects that the mirror has never seen as a page shows them; what it may not show whole is queued."""
    row = next(iter(found)).row
    owners = await _customers(row, found, round_.world)
    whole = {
        subject: entry
        for subject, entry in found.items()
        if _is_whole(row, entry) and not (isinstance(row.customer, Via) and subject not in owners)
    }
    referred = await _referred(row, whole, round_.world)
    # First: once the objects are mirrored, nothing else tells what they refer to.
    await queue([*_incomplete(found, whole), *referred], round_)
    # A hundred writes at once would be in the way of those of live events; until the next request there is time.
    until = min(page.next_at, round_.world.clock.now() + LONGEST_SPREAD)
    turns = Turns(len(whole), round_.world.clock, at_once=WRITES_AT_ONCE, until=until)
    await together(
        _insert(subject, entry, owners.get(subject), page, round_, turns) for subject, entry in whole.items()
    )


def _incomplete(found: Iterable[Subject], whole: Container[Subject]) -> list[Subject]:
    """The objects that the page may not show whole."""
    return [subject for subject in found if subject not in whole]


async def _insert(
    subject: Subject,
    entry: JsonObject,
    customer: str | None,
    page: Page,
    round_: Round,
    turns: Turns,
) -> None:
    seen = Observation(page.asked_at, page.stripe_version, page.request_id, entry, digest(subject.row, entry))
    try:
        item = items.item(subject, seen, customer)
    except Refused as error:
        await round_.decided(Drift(subject.id, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
        return
    async with turns.next():
        stored = await _put_unclaimed(subject, item, round_.world.mirror)
    round_.run.counts.inserted += stored  # not in one with the write: others count while it is waited for


async def _put_unclaimed(subject: Subject, item: Item, mirror: Mirror) -> bool:
    """Stores an object that the mirror has never seen, under the number that every claim is newer than."""
    return await mirror.put(subject, UNCLAIMED, item)


async def queue(subjects: Sequence[Subject], round_: Round) -> None:
    """Has objects fetched by whoever processes the queue, after all that is live."""
    group = f"{round_.scope}:backfill"
    await together(round_.world.queue.send(write_message(_suspicion(one)), group=group) for one in subjects)
    round_.run.counts.queued += len(subjects)


def _is_whole(row: ObjectType, entry: JsonObject) -> bool:
    """Whether a list shows an object as a fetch would.

    Lists cut short the lists inside their objects. Whether those of v2 show what is shown on request only, is
    written nowhere: what lacks some of it is fetched. https://docs.stripe.com/api/pagination
    """
    if row.api is ApiLine.PREVIEW and not all(name in entry for name in row.include):
        return False
    return not any(_is_cut_short(bodies.at(entry, sublist.path)) for sublist in row.sublists)


def _is_cut_short(value: bodies.Json) -> bool:
    return isinstance(value, dict) and value.get("has_more") is not False


async def _customers(
    row: ObjectType, found: Mapping[Subject, JsonObject], world: World
) -> Mapping[Subject, str | None]:
    """Whose the objects are, as far as that is known here."""
    match row.customer:
        case Via(path=path, type=type_name):
            return await _customers_via(path, type_name, found, world)
        case str(path):
            return {subject: bodies.text_at(entry, path) for subject, entry in found.items()}
        case None:
            return {subject: subject.parent if row.of_customer else None for subject in found}


async def _customers_via(
    path: str, type_name: str, found: Mapping[Subject, JsonObject], world: World
) -> Mapping[Subject, str | None]:
    pointed: dict[Subject, Subject | None] = {}
    for subject, entry in found.items():
        named = bodies.text_at(entry, path)
        pointed[subject] = subject.beside(type_name, named) if named else None
    heads = await world.mirror.heads({one for one in pointed.values() if one is not None})
    return {
        subject: heads[owner.key].customer if owner else None
        for subject, owner in pointed.items()
        if owner is None or owner.key in heads
    }


async def _referred(row: ObjectType, found: Mapping[Subject, JsonObject], world: World) -> list[Subject]:
    """The objects that these name, that no event and perhaps no list tells of, and that are not mirrored yet."""
    named: dict[str, Subject] = {}
    for subject, entry in found.items():
        for one in _references(row, subject, entry):
            named[one.key] = one
    heads = await world.mirror.heads(named.values()) if named else {}
    return [one for key, one in named.items() if key not in heads]


def _references(row: ObjectType, subject: Subject, entry: JsonObject) -> Iterable[Subject]:
    for reference in row.references:
        if identifier := bodies.text_at(entry, reference.path):
            try:
                yield subject.beside(reference.type, identifier)
            except Refused:
                continue  # the object that names it is stored all the same


def _suspicion(subject: Subject) -> Suspicion:
    return Suspicion(
        livemode=subject.scope.livemode,
        context=subject.scope.context,
        type=subject.type,
        id=subject.id,
        parent=subject.parent,
    )
