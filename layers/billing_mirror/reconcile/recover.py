"""Recovering lost events: list what Stripe has told since the last time, and queue what the mirror does not show.

Stripe keeps events for 30 days: https://docs.stripe.com/api/v2/core/events. In which order it lists them is written
nowhere, so the watermark moves only when a window of time was read to its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from billing_mirror.core import catalog, json_body, mirror_state, times
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import ListUnavailable, NotFound, PermanentError, Unauthorized
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import Notification, Unreadable, read_notification, write_message
from billing_mirror.core.mirror_state import Claim, Head
from billing_mirror.core.object_ref import ObjectRef, UnresolvedRef, ref_from_event, validate_id
from billing_mirror.core.run import Drift, Resolution, Run, Status
from billing_mirror.core.schedule import DAY, MINUTE, job_of_new_run
from billing_mirror.ports import Ports, StripeRequest

from .dependencies import ReconcileDependencies
from .gather import gather_all
from .pages import Page, read_page
from .runs.active_run import ActiveRun, require_an_end
from .runs.lifecycle import execute, last_run, start_run

PATH = "/v2/core/events"
KEPT = 30 * DAY
"""Seconds for which Stripe lists an event."""
OVERLAP = 10 * MINUTE
"""Seconds that are read again each time: an event may be listed some time after it was made."""
ON_ITS_WAY = 2 * MINUTE
"""Seconds for which an event is left to its webhook."""
WINDOW = DAY
"""Seconds of events that are read before the watermark moves: the token of a page does not live for ever."""
A_SECOND = 1.0
"""By which a time that was written down may be off."""
NEVER_GENERATED = "v2.core.health.event_generation_failure.resolved"
"""Stripe tells of events that it should have made and did not."""
SEEN_TO = "events:never-generated"
"""The book of those that were seen to."""


async def recover(run: Run, dependencies: ReconcileDependencies, *, until: float) -> Run:
    """Goes on with a run over the events of the key's own account, until then (seconds since 1970)."""

    async def work(round_: ActiveRun) -> None:
        await _recover(round_, dependencies)

    return await execute(run, work, dependencies, until=until)


async def _recover(round_: ActiveRun, dependencies: ReconcileDependencies) -> None:
    # By the run's own start: a window that takes longer than one tick must not grow too old by that.
    oldest, end = round_.run.started_at - KEPT, round_.ports.clock.now() - ON_ITS_WAY
    watermark = round_.run.watermark = round_.place.created or round_.run.watermark
    if watermark and times.seconds(watermark) < oldest - A_SECOND:
        await _compare_everything(dependencies)  # what was told in between, nobody can list any more
        watermark = ""
    here = round_.place if watermark else Place()
    start = times.seconds(watermark) if watermark else oldest
    while start < end:
        # Filters cannot be changed while a list is read: who goes on in a window, keeps its end.
        stop = times.seconds(here.owner) if here.url else min(start + WINDOW, end)
        await _read(replace(here, created=times.iso(start), owner=times.iso(stop)), round_, dependencies)
        round_.run.watermark = times.iso(stop)
        here = Place(created=round_.run.watermark)
        await round_.save(here)
        start = stop


_Told: TypeAlias = tuple[Notification, ObjectRef | UnresolvedRef]


async def _read(here: Place, round_: ActiveRun, dependencies: ReconcileDependencies) -> None:
    """Reads the events of a window, from a place on: it begins at ``created`` and ends at ``owner``."""
    since = times.iso(times.seconds(here.created) - OVERLAP)
    query = {"created[gte]": since, "created[lte]": here.owner}
    counts = round_.run.counts
    going_on: Place | None = here
    while going_on is not None:
        page = await _read_events(query, going_on, round_.ports)
        counts.pages += 1
        counts.restarts += page.restarted
        require_an_end("the lists of events", counts)
        counts.compared += len(page.entries)
        await _queue_what_is_not_shown(page.entries, round_, dependencies)
        going_on = page.next
        if going_on is not None:
            await round_.save(going_on)


async def _read_events(query: Mapping[str, str], here: Place, ports: Ports) -> Page:
    try:
        return await read_page(PATH, query, here, ports, api=ApiChannel.GA)
    except (ListUnavailable, NotFound) as error:
        raise PermanentError(f"Stripe does not list the events: {error}") from error


async def _queue_what_is_not_shown(
    entries: Sequence[JsonObject], round_: ActiveRun, dependencies: ReconcileDependencies
) -> None:
    found = [one for entry in entries if (one := await _told(entry, round_)) is not None]
    failures = [entry for entry in entries if json_body.text_at(entry, "type") == NEVER_GENERATED]
    failures = [entry for entry in failures if not await _seen_to(entry, round_)]
    for entry in failures:
        if one := await _never_generated(entry, round_, dependencies):
            found.append(one)
    refs = [ref for _, ref in found if isinstance(ref, ObjectRef)]
    heads = await round_.ports.mirror.heads(refs)
    claims = await round_.ports.mirror.claims(refs)
    now = round_.ports.clock.now()
    lost = [told for told in found if not _is_shown(*told, heads, claims, now)]
    newest = {ref.key if isinstance(ref, ObjectRef) else event.id: event for event, ref in sorted(lost, key=_age)}
    group = f"{round_.scope}:recovered"
    await gather_all(round_.ports.queue.send(write_message(event), group=group) for event in newest.values())
    for entry in failures:  # last: whoever is stopped before here sees to them again
        await round_.state_store.write(round_.scope, SEEN_TO, _place(entry), {"expires_at": int(now + 2 * KEPT)})
    round_.run.counts.equal += len(found) - len(lost)
    round_.run.counts.queued += len(newest)


def _age(told: _Told) -> datetime:
    return told[0].created


async def _told(entry: JsonObject, round_: ActiveRun) -> _Told | None:
    """An event that is about something in the catalog, and what that is."""
    name = json_body.text_at(entry, "type") or ""
    if name not in catalog.EVENT_OBJECTS and name.rpartition(".")[0] not in catalog.RESOURCES:
        return None  # the list shows everything that happens, also what nobody wants to be told of
    try:
        event = read_notification(json_body.write(entry))
        ref = ref_from_event(event)
        if isinstance(ref, UnresolvedRef) and (owner := json_body.text_at(entry, f"data.{ref.owner}")):
            ref = ref.resolve(owner)
    except (Unreadable, PermanentError) as error:
        identifier = json_body.text_at(entry, "id") or "an event without an id"
        await round_.decided(Drift(identifier, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
        return None
    own = event.context is None and event.livemode == round_.scope.livemode
    return (event, ref) if own and ref is not None else None


def _is_shown(
    event: Notification,
    ref: ObjectRef | UnresolvedRef,
    heads: Mapping[str, Head],
    claims: Mapping[str, Claim],
    now: float,
) -> bool:
    """Whether the mirror shows what an event tells, or a fetch is on its way that will."""
    if isinstance(ref, UnresolvedRef):
        return False
    head, claim = heads.get(ref.key), claims.get(ref.key)
    created = times.seconds(times.iso(event.created.timestamp()))  # as precise as the table keeps it
    if mirror_state.is_in_flight(head, claim, now=now) and claim is not None and claim.claimed_at > created:
        return True
    return mirror_state.reflects_event(head, claim, created)


async def _compare_everything(dependencies: ReconcileDependencies) -> None:
    for object_type in dependencies.object_types:
        await _compare(object_type.name, dependencies)


async def _compare(name: str, dependencies: ReconcileDependencies) -> None:
    """Makes a type's run due, unless one is going on."""
    last = await last_run(name, dependencies)
    if last is None or last.status is not Status.RUNNING:
        await start_run(name, job_of_new_run(name, last), last, dependencies)


async def _seen_to(failure: JsonObject, round_: ActiveRun) -> bool:
    """Whether a window before this one, which overlaps it, has shown it."""
    return await round_.state_store.last(round_.scope, SEEN_TO, _place(failure)) is not None


def _place(failure: JsonObject) -> str:
    return f"{json_body.text_at(failure, 'id')}#"


async def _never_generated(entry: JsonObject, round_: ActiveRun, dependencies: ReconcileDependencies) -> _Told | None:
    """The event that Stripe should have made, as far as it tells; all other objects of its type are compared."""
    identifier = json_body.text_at(entry, "id") or ""
    try:
        path = f"{PATH}/{validate_id(identifier)}"
        impact = json_body.value_at(
            (await round_.ports.stripe.get(StripeRequest(path, ApiChannel.GA, context=None))).body, "data.impact"
        )
    except Unauthorized:
        raise
    except (PermanentError, NotFound) as error:
        await round_.decided(Drift(identifier, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
        return None
    if not isinstance(impact, dict) or impact.get("context"):
        return None
    name = json_body.text_at(impact, "event_type") or ""
    told = await _told({**entry, "type": name, "related_object": impact.get("related_object")}, round_)
    # Also where it does not say which object it was about.
    object_type = told[1].object_type if told else catalog.TYPES.get(catalog.RESOURCES.get(name.rpartition(".")[0], ""))
    if object_type in dependencies.object_types:
        await _compare(object_type.name, dependencies)
    return told
