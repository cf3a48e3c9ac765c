"""One suspicion of reconcile, and the fetch that decides it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from billing_mirror.core import body as bodies
from billing_mirror.core import known, times
from billing_mirror.core.body import JsonObject
from billing_mirror.core.drift import CAUSELESS, Difference
from billing_mirror.core.errors import Refused, Retryable
from billing_mirror.core.items import Observation
from billing_mirror.core.known import READ_LAG, Head
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.run import Drift, Resolution
from billing_mirror.core.subject import Subject, named

from .one_subject import apply, claim_and_observe
from .round import Round
from .together import together

AT_ONCE = 8
"""Objects that are fetched at the same time."""
NOT_SHOWN = "Stripe does not show the object, although it has just listed or made it"
STOPPED = "the run was stopped before it could tell"


async def look_at(suspects: Mapping[Subject, Difference], round_: Round) -> None:
    """Lets a fetch decide each suspicion, except where somebody else's fetch is about to."""
    mirror = round_.world.mirror
    suspects = {subject: kind for subject, kind in suspects.items() if subject.key not in round_.looked_at}
    heads = await mirror.heads(suspects)
    claims = await mirror.claims(suspects)
    now = round_.world.clock.now()
    idle = {
        subject: difference
        for subject, difference in suspects.items()
        if not known.in_flight(heads.get(subject.key), claims.get(subject.key), now=now)
    }
    round_.run.counts.in_flight += len(suspects) - len(idle)
    round_.looked_at.update(subject.key for subject in idle)
    places = asyncio.Semaphore(AT_ONCE)
    await together(_bounded(subject, kind, round_, places) for subject, kind in idle.items())


async def settle_stopped(round_: Round) -> None:
    """Tells of the suspicions whose tick ended between the write and its note: by their numbers."""
    async for drift in round_.drifts():
        if drift.reason != STOPPED:
            continue
        subject = named(round_.scope, drift.type, drift.id)
        head = (await round_.world.mirror.heads([subject])).get(subject.key)
        if head is not None and head.token >= drift.token:
            await round_.note(replace(drift, resolution=Resolution.REPAIRED, reason=""))


async def _bounded(subject: Subject, difference: Difference, round_: Round, places: asyncio.Semaphore) -> None:
    drift = Drift(subject.id, difference, Resolution.UNRESOLVED, type=subject.type)
    async with places:
        try:
            await _decide(subject, drift, round_)
        except (Retryable, Refused) as error:
            await round_.decided(replace(drift, reason=str(error)))
        except Exception as error:  # noqa: BLE001 - one object's failure must not end the run of all others
            await round_.decided(replace(drift, reason=f"unforeseen {type(error).__name__}"))


async def _decide(subject: Subject, drift: Drift, round_: Round) -> None:
    world = round_.world
    # Time 0: no queue retries this, so the next run must not wait for it.
    token, observation = await claim_and_observe(world, subject, claimed_at=0.0)
    # Read now and not before: what arrived since the list was read is no drift.
    head = (await world.mirror.heads([subject])).get(subject.key)
    before = await world.mirror.body(subject)
    if observation.body is None and _may_be_there(drift.difference, before, observation.fetched_at):
        await round_.decided(replace(drift, reason=NOT_SHOWN))
        return
    fields = bodies.differing(before, observation.live) if before and observation.live else []
    drift = replace(drift, fields=tuple(fields), token=token, reason=STOPPED)
    has_cause = _has_cause(drift.difference, head, observation)
    if has_cause:
        await round_.note(drift)  # first: once the mirror is right, nothing else tells that it was wrong
    outcome = await apply(world, subject, token, observation, head)
    reshaped = drift.difference is Difference.OUTDATED and observation.live is not None
    if _repaired(outcome, head) and not reshaped:
        await round_.decided(replace(drift, resolution=Resolution.REPAIRED, reason=""))
    elif has_cause:
        await round_.decided(replace(drift, resolution=Resolution.FALSE_ALARM, fields=(), reason=""))
    else:
        round_.run.counts.refreshed += 1


def _may_be_there(difference: Difference, before: JsonObject | None, now: float) -> bool:
    """Whether a missing object may be one that Stripe does not show yet, rather than one that is gone."""
    made = times.seconds(times.created(before.get("created"))) if before else 0.0
    return difference not in (Difference.NOT_LISTED, Difference.NO_LIST) or abs(now - made) < READ_LAG


def _has_cause(difference: Difference, head: Head | None, observation: Observation) -> bool:
    """Whether something says that the mirror is wrong: a list, or the answer itself."""
    if difference is Difference.OUTDATED and observation.live is not None:
        return False
    digest = None if head is None or head.deleted else head.digest
    return difference not in CAUSELESS or digest != (observation.digest if observation.live is not None else None)


def _repaired(outcome: Outcome, head: Head | None) -> bool:
    """Whether the write changed what the mirror held."""
    alive = head is not None and not head.deleted
    return outcome is Outcome.STORED or (outcome is Outcome.REMOVED and alive)
