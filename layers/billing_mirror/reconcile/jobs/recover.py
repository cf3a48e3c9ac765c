"""Recover: list Stripe's events since the watermark, and queue those that the mirror does not reflect.

Stripe keeps events for 30 days (https://docs.stripe.com/api/v2/core/events), and does not document the order of its
event list. So the watermark only moves when a whole window of time was read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from billing_mirror.core import catalog, json_body, times
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import ListRefused, NotFound, PermanentError, Unauthorized
from billing_mirror.core.events.messages import Notification, Unreadable, read_notification, write_message
from billing_mirror.core.events.related_object import UnresolvedRef, ref_from_event
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, validate_id
from billing_mirror.core.runs.checkpoints import FIRST_PAGE, EventsCheckpoint, PagePosition
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Drift, Resolution, Status
from billing_mirror.core.runs.schedule import DAY, EVENTS_KEPT, MINUTE, job_of_new_run
from billing_mirror.core.table import mirror_state
from billing_mirror.core.table.mirror_state import Claim, Head
from billing_mirror.ports import Ports, StripeRequest

from ..dependencies import ReconcileDependencies
from ..gather import gather_all
from ..lists.pages import ObjectPage, RestartedList, read_page
from ..runs.active_run import ActiveRun
from ..runs.lifecycle import start_run
from ..runs.records import last_run

PATH = "/v2/core/events"
OVERLAP = 10 * MINUTE
"""Seconds before the watermark that are read again: Stripe may list an event some time after its creation."""
WEBHOOK_DELAY = 2 * MINUTE
"""Seconds that an event's webhook gets before the event counts as lost."""
WINDOW = DAY
"""Seconds of events that are read before the watermark moves: page tokens expire."""
ROUNDING = 1.0
"""Seconds by which a stored time may be rounded."""
GENERATION_FAILURE = "v2.core.health.event_generation_failure.resolved"
"""The event by which Stripe announces an event that it failed to generate."""
HANDLED_FAILURES = "events:never-generated"
"""The partition of the generation failures that were handled."""

_Event: TypeAlias = tuple[Notification, tuple[ObjectRef, ...]]
"""An event and the objects that it is about; none where only the fetched event names them all."""


async def recover(run: ActiveRun, dependencies: ReconcileDependencies) -> None:
    """Queues the lost events of an account, window by window."""
    # From the run's start: a window that takes longer than one tick must not become too old by that.
    oldest = run.record.started_at - EVENTS_KEPT
    end = run.ports.clock.now() - (0.0 if run.record.until_now else WEBHOOK_DELAY)
    checkpoint = run.checkpoints.latest(EventsCheckpoint)
    run.advance_watermark(checkpoint.window_start)
    start = times.seconds(checkpoint.window_start or run.record.watermark or times.iso(oldest))
    if start < oldest - ROUNDING:
        await _verify_everything(dependencies)  # Stripe no longer lists the events in between
        start, checkpoint = oldest, EventsCheckpoint()
    if run.record.since and not checkpoint.window_start:
        start = max(min(start, run.record.since), oldest)
    while start < end:
        # A list's filters must not change between its pages: a window that is resumed keeps its end.
        resumed = checkpoint.page != FIRST_PAGE
        stop = times.seconds(checkpoint.window_end) if resumed else min(start + WINDOW, end)
        window = replace(checkpoint, window_start=times.iso(start), window_end=times.iso(stop))
        await _read_window(window, run, dependencies)
        run.advance_watermark(window.window_end)
        checkpoint = EventsCheckpoint(window_start=window.window_end)
        await run.save(checkpoint)
        start = stop


async def _read_window(window: EventsCheckpoint, run: ActiveRun, dependencies: ReconcileDependencies) -> None:
    """Reads the events of a window, from a page on."""
    since = times.iso(times.seconds(window.window_start) - OVERLAP)
    query = {"created[gte]": since, "created[lte]": window.window_end}
    position: PagePosition | None = window.page
    while position is not None:
        page = await _read_events(query, position, run.ports)
        match page:
            case RestartedList():
                run.count(Counts(pages=1, restarts=1))
                position, entries = FIRST_PAGE, []
            case ObjectPage():
                run.count(Counts(pages=1, compared=len(page.objects)))
                position, entries = page.next, [*page.objects]
        run.require_progress("the lists of events")
        await _queue_lost(entries, run, dependencies)
        if position is not None:
            await run.save(replace(window, page=position))


async def _read_events(query: Mapping[str, str], position: PagePosition, ports: Ports) -> ObjectPage | RestartedList:
    try:
        return await read_page(PATH, query, position, ports, api=ApiChannel.GA)
    except (ListRefused, NotFound) as error:
        raise PermanentError(f"Stripe does not list the events: {error}") from error


async def _queue_lost(entries: Sequence[JsonObject], run: ActiveRun, dependencies: ReconcileDependencies) -> None:
    """Queues the newest lost event of each object, among these events and those that Stripe failed to generate."""
    events = [event for entry in entries if (event := await _parse(entry, run)) is not None]
    failures = [entry for entry in entries if json_body.text_at(entry, "type") == GENERATION_FAILURE]
    failures = [entry for entry in failures if not await _is_handled(entry, run)]
    for entry in failures:
        if event := await _missing_event(entry, run, dependencies):
            events.append(event)
    lost = await _lost(events, run)
    newest = {
        refs[0].key if len(refs) == 1 else notification.id: notification
        for notification, refs in sorted(lost, key=_created)
    }
    group = f"{run.scope}:recovered"
    await gather_all(run.ports.queue.send(write_message(one), group=group) for one in newest.values())
    for entry in failures:  # last: a tick that is stopped before this point handles them again
        expires_at = int(run.ports.clock.now() + 2 * EVENTS_KEPT)
        await run.state_store.write(run.scope, HANDLED_FAILURES, _sort_key(entry), {"expires_at": expires_at})
    run.count(Counts(equal=len(events) - len(lost), queued=len(newest)))


async def _lost(events: Sequence[_Event], run: ActiveRun) -> list[_Event]:
    """The events that the mirror does not reflect."""
    refs = [ref for _, about in events for ref in about]
    heads = await run.ports.mirror.heads(refs)
    claims = await run.ports.mirror.claims(refs)
    now = run.ports.clock.now()
    return [event for event in events if not _is_reflected(*event, heads, claims, now)]


def _created(event: _Event) -> datetime:
    return event[0].created


async def _parse(entry: JsonObject, run: ActiveRun) -> _Event | None:
    """An event of the account itself about objects of the catalog, and these objects."""
    name = json_body.text_at(entry, "type") or ""
    if name not in catalog.EVENT_OBJECTS and name.rpartition(".")[0] not in catalog.RESOURCES:
        return None  # the list also shows events that no endpoint subscribes to
    try:
        notification = read_notification(json_body.write(_in_context(entry, run.scope)))
        ref = ref_from_event(notification)
        refs = _named_by(entry, ref) if ref else ()
    except (Unreadable, PermanentError) as error:
        identifier = json_body.text_at(entry, "id") or "an event without an id"
        await run.record_drift(Drift(identifier, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
        return None
    if notification.livemode != run.scope.livemode or ref is None:
        return None
    return (notification, refs) if notification.context == run.scope.context else None


def _in_context(entry: JsonObject, scope: Scope) -> JsonObject:
    """The event as the key's owner would receive it: a connected account's list may not name the account itself."""
    return entry if entry.get("context") else {**entry, "context": scope.context}


def _named_by(entry: JsonObject, ref: ObjectRef | UnresolvedRef) -> tuple[ObjectRef, ...]:
    """The objects that an event on a list is about; none where the list does not show the data that names them."""
    if isinstance(ref, ObjectRef):
        return (ref,)
    if ref.pieces_named(entry):
        return ()  # only a request says whose they are
    return tuple(ref.resolve(entry).values()) if ref.complete or isinstance(entry.get("data"), dict) else ()


def _is_reflected(
    notification: Notification,
    refs: Sequence[ObjectRef],
    heads: Mapping[str, Head],
    claims: Mapping[str, Claim],
    now: float,
) -> bool:
    """Whether the mirror reflects an event in all objects that it is about, or fetches in flight will."""
    return bool(refs) and all(_is_reflected_in(ref, notification, heads, claims, now) for ref in refs)


def _is_reflected_in(
    ref: ObjectRef, notification: Notification, heads: Mapping[str, Head], claims: Mapping[str, Claim], now: float
) -> bool:
    head, claim = heads.get(ref.key), claims.get(ref.key)
    created_at = notification.created.timestamp()
    if _will_be_reflected(head, claim, created_at, now):
        return True
    creates = ref.object_type if notification.creates(ref.object_type) else None
    return mirror_state.reflects_event(head, claim, notification.identity, created_at, creates=creates)


def _will_be_reflected(head: Head | None, claim: Claim | None, created_at: float, now: float) -> bool:
    """Whether a fetch is in flight that was claimed after the event, however far the clocks are apart."""
    if claim is None or not mirror_state.is_in_flight(head, claim, now=now):
        return False
    return claim.claimed_at > created_at + mirror_state.MAX_CLOCK_SKEW


async def _verify_everything(dependencies: ReconcileDependencies) -> None:
    for object_type in dependencies.object_types:
        await _verify_type(object_type.name, dependencies)


async def _verify_type(name: str, dependencies: ReconcileDependencies) -> None:
    """Starts a run over a type, unless one is running."""
    last = await last_run(name, dependencies)
    if last is None or last.status is not Status.RUNNING:
        await start_run(name, job_of_new_run(name, last), last, dependencies)


# ---- events that Stripe failed to generate


async def _is_handled(failure: JsonObject, run: ActiveRun) -> bool:
    """Whether an earlier window, which overlaps this one, has shown the failure."""
    return await run.state_store.last(run.scope, HANDLED_FAILURES, _sort_key(failure)) is not None


def _sort_key(failure: JsonObject) -> str:
    return f"{json_body.text_at(failure, 'id')}#"


async def _missing_event(failure: JsonObject, run: ActiveRun, dependencies: ReconcileDependencies) -> _Event | None:
    """The event that Stripe failed to generate, where the failure names it; starts to verify all of its type."""
    identifier = json_body.text_at(failure, "id") or ""
    try:
        path = f"{PATH}/{validate_id(identifier)}"
        answer = await run.ports.stripe.get(StripeRequest(path, ApiChannel.GA, context=None))
        impact = json_body.value_at(answer.body, "data.impact")
    except Unauthorized:
        raise
    except (PermanentError, NotFound) as error:
        await run.record_drift(Drift(identifier, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
        return None
    if not isinstance(impact, dict) or impact.get("context") not in (None, "", run.scope.context):
        return None
    name, related = json_body.text_at(impact, "event_type") or "", impact.get("related_object")
    # Nothing to fetch where the failure names no object: the run over its type finds the change.
    event = await _parse({**failure, "type": name, "related_object": related}, run) if related is not None else None
    resource = catalog.RESOURCES.get(name.rpartition(".")[0], "")
    named = [ref.type for ref in event[1]] if event else []
    types = [one for one in named or _types_about(resource) if catalog.TYPES.get(one) in dependencies.object_types]
    for one in dict.fromkeys(types):
        await _verify_type(one, dependencies)
    run.count(Counts(types_queued=len(set(types)) if related is None else 0))
    return event


def _types_about(resource: str) -> list[str]:
    """The types whose objects an event about this resource may change."""
    part = catalog.PARTS.get(resource)
    return [owner.type for owner in part.owners] if part else [resource]
