"""Verify one difference by a fetch, and repair it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES, Reference
from billing_mirror.core.errors import ListUnavailable, PermanentError, TransientError, UnstorableObject
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.drift import FETCHED_WITHOUT_DIFFERENCE, Difference
from billing_mirror.core.runs.run import Counts, Drift, Resolution
from billing_mirror.core.table import items, mirror_state
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.refresh.apply import apply, claim_and_fetch
from billing_mirror.refresh.members import REMOVALS_HELD

from ..gather import gather_all
from ..lists.missing import require_list
from ..runs.active_run import ActiveRun
from ..runs.removals import HELD
from .deep_verify import wrong_columns_under
from .unstorable import find_note

MAX_SECONDS_PER_OBJECT = 120.0
"""Seconds for one object with all its lists: an endless list must not hold up a run."""
MAX_CONCURRENCY = 8
"""Objects that are fetched at the same time."""
NOT_RETURNED = "Stripe does not return the object, although it was just listed or created"
MAX_MEMBERS = 20
"""Members that the evidence of one difference names."""
NO_END = "Stripe's answer does not end"
INTERRUPTED = "the run was interrupted during the repair"


async def verify_and_repair(differences: Mapping[ObjectRef, Difference], run: ActiveRun) -> None:
    """Fetches each object that may differ, except where a refresh is in flight, and repairs what does differ."""
    mirror = run.ports.mirror
    differences = {ref: kind for ref, kind in differences.items() if not run.is_verified(ref)}
    heads = await mirror.heads(differences)
    claims = await mirror.claims(differences)
    now = run.ports.clock.now()
    idle = {
        ref: difference
        for ref, difference in differences.items()
        if not mirror_state.is_in_flight(heads.get(ref.key), claims.get(ref.key), now=now)
    }
    run.count(Counts(in_flight=len(differences) - len(idle)))
    run.mark_verified(idle)
    semaphore = asyncio.Semaphore(MAX_CONCURRENCY)
    await gather_all(_repair_in_time(ref, kind, run, semaphore) for ref, kind in idle.items())


async def _repair_in_time(ref: ObjectRef, difference: Difference, run: ActiveRun, semaphore: asyncio.Semaphore) -> None:
    drift = Drift(ref.id, difference, Resolution.UNRESOLVED, type=ref.type)
    async with semaphore:
        try:
            async with asyncio.timeout(MAX_SECONDS_PER_OBJECT):
                await repair_one(ref, drift, run)
        except TimeoutError:
            await _record_unresolved(replace(drift, reason=NO_END), run)
        except ListUnavailable:
            raise  # the account lost the whole type: the object's 404 says nothing about the object
        except (TransientError, PermanentError) as error:
            await _record_unresolved(replace(drift, reason=str(error)), run)
        except Exception as error:  # noqa: BLE001 - one object's failure must not end the run of all others
            await _record_unresolved(replace(drift, reason=f"unforeseen {type(error).__name__}"), run)


async def _record_unresolved(drift: Drift, run: ActiveRun) -> None:
    """Records a failure, unless a write was about to happen: then its token shows later whether it did."""
    before = await run.evidence.find(drift.id)
    if before is None or before.reason != INTERRUPTED:
        await run.record_drift(drift)


# ---- one object


@dataclass(frozen=True, slots=True)
class _Fetched:
    """An object as Stripe shows it under a claim, beside what the mirror held at that time."""

    ref: ObjectRef
    token: int
    observation: Observation
    head: Head | None
    mirrored: JsonObject | None
    wrong: tuple[str, ...] = ()
    """The columns of the mirrored item that no write stores like that."""


async def repair_one(ref: ObjectRef, drift: Drift, run: ActiveRun) -> None:
    """Fetches an object, stores it, and records the drift where the mirror was wrong."""
    fetched = await _fetch(ref, run)
    observation = fetched.observation
    if observation.body is None and _may_exist(drift.difference, fetched.mirrored, observation.fetched_at):
        await run.record_drift(_not_returned(drift, fetched))
        return
    if _would_remove(fetched):
        await require_list(ref.object_type, run)
        if run.removals.are_held:
            was_held = await _was_held(drift, run)
            run.removals.held += not was_held  # in one step: others are counted while this one waits
            await run.record_drift(replace(drift, reason=HELD))
            return
    drift = replace(drift, fields=_differing_fields(fetched), token=fetched.token, reason=INTERRUPTED)
    false_alarm = replace(drift, resolution=Resolution.FALSE_ALARM, fields=(), reason="")
    seems_wrong = _seems_wrong(drift.difference, fetched)
    if seems_wrong:
        # Before the write: once the mirror is correct, nothing else shows that it was wrong.
        await run.evidence.record(drift if _will_change(fetched) else false_alarm)
    try:
        outcome = await _store(fetched, run)
    except PermanentError as error:
        # Nothing was written, so the reason replaces the one that expects a write.
        resolution = Resolution.UNSTORABLE if isinstance(error, UnstorableObject) else Resolution.UNRESOLVED
        await run.record_drift(replace(drift, resolution=resolution, reason=str(error)))
        return
    if outcome is Outcome.REMOVALS_HELD or _was_repaired(outcome, drift.difference, fetched):
        await run.record_drift(_written(drift, outcome, run))
    elif seems_wrong:
        await run.record_drift(false_alarm)
    else:
        run.count(Counts(refreshed=1))


def _written(drift: Drift, outcome: Outcome, run: ActiveRun) -> Drift:
    """A repaired drift; unresolved where the list of a stored object lacks so many members that none is removed."""
    if outcome is Outcome.REMOVALS_HELD and not run.record.deletions_confirmed:
        return replace(drift, reason=REMOVALS_HELD)
    return replace(drift, resolution=Resolution.REPAIRED, reason="")


async def _was_held(drift: Drift, run: ActiveRun) -> bool:
    """Whether a tick that was killed after it has counted the object already, by its evidence."""
    before = await run.evidence.find(drift.id)
    return before is not None and before.reason == HELD


async def _fetch(ref: ObjectRef, run: ActiveRun) -> _Fetched:
    # Time 0: no queue retries this fetch, so the next run must not wait for it.
    before = (await run.ports.mirror.heads([ref])).get(ref.key)
    token, observation = await claim_and_fetch(run.ports, ref, claimed_at=0.0, head=before)
    # Read after the fetch: what was stored since the list was read is no drift.
    head = (await run.ports.mirror.heads([ref])).get(ref.key)
    stored = await run.ports.mirror.stored(ref)
    wrong = wrong_columns_under(head, ref, stored)
    return _Fetched(ref, token, observation, head, stored.body if stored else None, wrong)


async def _store(fetched: _Fetched, run: ActiveRun) -> Outcome:
    return await apply(run.ports, fetched.ref, fetched.token, fetched.observation, fetched.head)


def _may_exist(difference: Difference, mirrored: JsonObject | None, now: float) -> bool:
    """Whether an object that Stripe does not return may exist: it was listed, or just created."""
    if difference not in (Difference.NOT_LISTED, Difference.NO_LIST):
        return True
    return mirror_state.may_lag(times.created_at(mirrored), now)


def _would_remove(fetched: _Fetched) -> bool:
    alive = fetched.head is not None and not fetched.head.deleted
    return alive and fetched.observation.live is None


def _not_returned(drift: Drift, fetched: _Fetched) -> Drift:
    """An object that Stripe does not return; where the mirror holds its tombstone, only the list still shows it."""
    if fetched.head is not None and fetched.head.deleted:
        return replace(drift, resolution=Resolution.FALSE_ALARM)
    return replace(drift, reason=NOT_RETURNED)


def _differing_fields(fetched: _Fetched) -> tuple[str, ...]:
    now = fetched.observation.live
    if now is None:
        return ()
    columns = [f"column/{name}" for name in fetched.wrong]
    if not fetched.mirrored:
        return (*columns,)
    return (*json_body.differing_fields(fetched.mirrored, now), *_differing_members(fetched), *columns)


def _differing_members(fetched: _Fetched) -> list[str]:
    """The first members that only the mirrored list or only the fetched one names, as ``type/id``."""
    before, now = (fetched.head.members if fetched.head else {}), items.members(fetched.observation)
    differing = (f"{name}/{one}" for name in before for one in sorted(before[name] ^ now.get(name, frozenset())))
    return [*islice(differing, MAX_MEMBERS)]


def _seems_wrong(difference: Difference, fetched: _Fetched) -> bool:
    """Whether the mirror seems wrong: a list shows a difference, or the fetched state does."""
    head, observation = fetched.head, fetched.observation
    if _only_version_changed(difference, fetched):
        return False
    if fetched.wrong:
        return True
    digest = None if head is None or head.deleted else head.digest
    return difference not in FETCHED_WITHOUT_DIFFERENCE or digest != (
        observation.digest if observation.live is not None else None
    )


def _only_version_changed(difference: Difference, fetched: _Fetched) -> bool:
    """Whether the object was fetched for its shape under a new Stripe version, which is no drift."""
    return difference is Difference.OUTDATED and fetched.observation.live is not None and not fetched.wrong


def _will_change(fetched: _Fetched) -> bool:
    """Whether the write will change the mirror, as far as can be known before it."""
    head, observation = fetched.head, fetched.observation
    if head is None or head.deleted:
        return observation.live is not None
    lacks_customer = isinstance(fetched.ref.object_type.customer, Reference) and head.customer is None
    if observation.live is None or lacks_customer or fetched.wrong:
        return True
    return (head.digest, head.members) != (observation.digest, items.members(observation))


def _was_repaired(outcome: Outcome, difference: Difference, fetched: _Fetched) -> bool:
    return _was_wrong(outcome, fetched) and not _only_version_changed(difference, fetched)


def _was_wrong(outcome: Outcome, fetched: _Fetched) -> bool:
    """Whether the write changed what the mirror held; where the head stays the same, what is stored beside it."""
    existed = fetched.head is not None and not fetched.head.deleted
    return (
        outcome is Outcome.STORED
        or (outcome is Outcome.REMOVED and existed)
        or (outcome is Outcome.UNCHANGED and bool(fetched.wrong))
    )


# ---- repairs that a stopped tick left


async def already_resolved(refs: Mapping[str, ObjectRef], run: ActiveRun) -> set[str]:
    """The ids of objects that a tick resolved before it was stopped, without a checkpoint after their page.

    They are not verified again: their repairs would be counted as false alarms.
    """
    if not run.checkpoints.may_repeat or not await run.evidence.any():
        return set()
    drifts = await gather_all(run.evidence.find(ref.id) for ref in refs.values())
    finished = await gather_all(_finish(drift, run) for drift in drifts if drift is not None)
    resolved = {drift.id for drift in finished if drift.resolution is not Resolution.UNRESOLVED}
    run.mark_verified(refs[identifier] for identifier in resolved)
    return resolved


async def finish_interrupted(run: ActiveRun) -> None:
    """Records the repairs whose tick ended between the write and its evidence."""
    async for drift in run.evidence.all():
        await _finish(drift, run)


async def _finish(drift: Drift, run: ActiveRun) -> Drift:
    """Resolves an interrupted repair as repaired where its token shows that the write happened, or by a note."""
    if drift.reason != INTERRUPTED:
        return drift
    ref = ObjectRef(run.scope, TYPES[drift.type], drift.id)
    head = (await run.ports.mirror.heads([ref])).get(ref.key)
    if head is not None and head.token >= drift.token:
        drift = replace(drift, resolution=Resolution.REPAIRED, reason="")
    elif note := await find_note(drift, run):
        drift = replace(drift, resolution=Resolution.UNSTORABLE, reason=note.reason)
    else:
        return drift
    await run.evidence.record(drift)
    return drift
