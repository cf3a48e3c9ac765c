"""One suspicion of reconcile, and the fetch that decides it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from billing_mirror.core import items, json_body, mirror_state, times
from billing_mirror.core.catalog import TYPES, Reference
from billing_mirror.core.drift import CAUSELESS, Difference
from billing_mirror.core.errors import PermanentError, TransientError
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import Head
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.run import Drift, Resolution
from billing_mirror.refresh.apply import apply, claim_and_fetch

from .gather import gather_all
from .runs.active_run import ActiveRun

MAX_SECONDS_PER_OBJECT = 120.0
"""Seconds for one object with all its lists: a list without an end must not hold up a run."""
MAX_CONCURRENCY = 8
"""Objects that are fetched at the same time."""
NOT_SHOWN = "Stripe does not show the object, although it has just listed or made it"
INTERRUPTED = "the run was stopped before it could tell"


async def verify_and_repair(suspects: Mapping[ObjectRef, Difference], round_: ActiveRun) -> None:
    """Lets a fetch decide each suspicion, except where somebody else's fetch is about to."""
    mirror = round_.ports.mirror
    suspects = {ref: kind for ref, kind in suspects.items() if ref.key not in round_.looked_at}
    heads = await mirror.heads(suspects)
    claims = await mirror.claims(suspects)
    now = round_.ports.clock.now()
    idle = {
        ref: difference
        for ref, difference in suspects.items()
        if not mirror_state.is_in_flight(heads.get(ref.key), claims.get(ref.key), now=now)
    }
    round_.run.counts.in_flight += len(suspects) - len(idle)
    round_.looked_at.update(ref.key for ref in idle)
    places = asyncio.Semaphore(MAX_CONCURRENCY)
    await gather_all(_bounded(ref, kind, round_, places) for ref, kind in idle.items())


async def already_resolved(refs: Mapping[str, ObjectRef], round_: ActiveRun) -> set[str]:
    """The ids of those that were decided by a tick that was stopped before it could keep their page.

    They are not looked at again: what was repaired would be taken for a false alarm.
    """
    if not round_.half_done or not await round_.has_notes():
        return set()
    notes = await gather_all(round_.noted(ref.id) for ref in refs.values())
    settled = await gather_all(_finish(one, round_) for one in notes if one is not None)
    decided = {one.id for one in settled if one.resolution is not Resolution.UNRESOLVED}
    round_.looked_at.update(refs[identifier].key for identifier in decided)
    return decided


async def finish_interrupted(round_: ActiveRun) -> None:
    """Tells of the suspicions whose tick ended between the write and its note."""
    async for drift in round_.drifts():
        await _finish(drift, round_)


async def _finish(drift: Drift, round_: ActiveRun) -> Drift:
    """How a suspicion ended, where its number says that it was written, and nobody came to note it."""
    if drift.reason != INTERRUPTED:
        return drift
    ref = ObjectRef(round_.scope, TYPES[drift.type], drift.id)
    head = (await round_.ports.mirror.heads([ref])).get(ref.key)
    if head is None or head.token < drift.token:
        return drift
    drift = replace(drift, resolution=Resolution.REPAIRED, reason="")
    await round_.note(drift)
    return drift


async def _bounded(ref: ObjectRef, difference: Difference, round_: ActiveRun, places: asyncio.Semaphore) -> None:
    drift = Drift(ref.id, difference, Resolution.UNRESOLVED, type=ref.type)
    async with places:
        try:
            async with asyncio.timeout(MAX_SECONDS_PER_OBJECT):
                await repair_one(ref, drift, round_)
        except TimeoutError:
            await _unresolved(replace(drift, reason="Stripe's answer does not come to an end"), round_)
        except (TransientError, PermanentError) as error:
            await _unresolved(replace(drift, reason=str(error)), round_)
        except Exception as error:  # noqa: BLE001 - one object's failure must not end the run of all others
            await _unresolved(replace(drift, reason=f"unforeseen {type(error).__name__}"), round_)


async def _unresolved(drift: Drift, round_: ActiveRun) -> None:
    """Notes that no answer could be had, unless something was about to be written: then its number will tell."""
    noted = await round_.noted(drift.id)
    if noted is None or noted.reason != INTERRUPTED:
        await round_.decided(drift)


async def repair_one(ref: ObjectRef, drift: Drift, round_: ActiveRun) -> None:
    ports = round_.ports
    # Time 0: no queue retries this, so the next run must not wait for it.
    token, observation = await claim_and_fetch(ports, ref, claimed_at=0.0)
    # Read now and not before: what arrived since the list was read is no drift.
    head = (await ports.mirror.heads([ref])).get(ref.key)
    before = await ports.mirror.body(ref)
    if observation.body is None and _may_be_there(drift.difference, before, observation.fetched_at):
        if head is not None and head.deleted:
            await round_.decided(replace(drift, resolution=Resolution.FALSE_ALARM))  # only the list still shows it
        else:
            await round_.decided(replace(drift, reason=NOT_SHOWN))
        return
    fields = json_body.differing_fields(before, observation.live) if before and observation.live else []
    drift = replace(drift, fields=tuple(fields), token=token, reason=INTERRUPTED)
    dismissed = replace(drift, resolution=Resolution.FALSE_ALARM, fields=(), reason="")
    has_cause = _has_cause(drift.difference, head, observation)
    if has_cause:
        # First: once the mirror is right, nothing else tells that it was wrong.
        await round_.note(drift if _will_change(head, ref, observation) else dismissed)
    outcome = await apply(ports, ref, token, observation, head)
    reshaped = drift.difference is Difference.OUTDATED and observation.live is not None
    if outcome is Outcome.SUPERSEDED and await _is_ours(ref, token, round_):
        outcome = Outcome.STORED if observation.live is not None else Outcome.REMOVED
    if _repaired(outcome, head) and not reshaped:
        await round_.decided(replace(drift, resolution=Resolution.REPAIRED, reason=""))
    elif has_cause:
        await round_.decided(dismissed)
    else:
        round_.run.counts.refreshed += 1


async def _is_ours(ref: ObjectRef, token: int, round_: ActiveRun) -> bool:
    """Whether a write that was refused is there: the first try may have got through, and only its answer not."""
    head = (await round_.ports.mirror.heads([ref])).get(ref.key)
    return head is not None and head.token == token


def _may_be_there(difference: Difference, before: JsonObject | None, now: float) -> bool:
    """Whether a missing object may be one that Stripe does not show yet, rather than one that is gone."""
    made = times.created_at(before)
    return difference not in (Difference.NOT_LISTED, Difference.NO_LIST) or mirror_state.may_lag(made, now)


def _has_cause(difference: Difference, head: Head | None, observation: Observation) -> bool:
    """Whether something says that the mirror is wrong: a list, or the answer itself."""
    if difference is Difference.OUTDATED and observation.live is not None:
        return False
    digest = None if head is None or head.deleted else head.digest
    return difference not in CAUSELESS or digest != (observation.digest if observation.live is not None else None)


def _will_change(head: Head | None, ref: ObjectRef, observation: Observation) -> bool:
    """Whether what is about to be written is new to the mirror, as far as that can be told before."""
    if head is None or head.deleted:
        return observation.live is not None
    if observation.live is None or (isinstance(ref.object_type.customer, Reference) and head.customer is None):
        return True
    return (head.digest, head.members) != (observation.digest, items.members(observation))


def _repaired(outcome: Outcome, head: Head | None) -> bool:
    """Whether the write changed what the mirror held."""
    alive = head is not None and not head.deleted
    return outcome is Outcome.STORED or (outcome is Outcome.REMOVED and alive)
