"""Reconcile: walk a type's list at Stripe beside the mirror, and let a fetch decide every difference.

A list is a hint and no more: v2 lists are eventually consistent, so a body from a page is never written
over an object, and an object that no page shows is not thereby gone.
https://docs.stripe.com/api-v2-overview
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from billing_mirror.core import body as bodies
from billing_mirror.core import known
from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import ObjectType, Via
from billing_mirror.core.drift import CAUSELESS, Difference, compare
from billing_mirror.core.errors import Gone, Refused, Retryable
from billing_mirror.core.known import Head
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.run import Drift, Resolution, Run
from billing_mirror.core.subject import Scope, Subject, named

from .listed import BATCH, Page, pages
from .one_subject import World, apply, claim_and_observe
from .patient import PatientStripe


async def reconcile(row: ObjectType, world: World, *, deadline: float) -> Run:
    """One pass over all objects of a type in the key's own account; leaves a record.

    Ends by ``deadline`` (seconds since 1970), complete or not.
    """
    world = replace(world, stripe=PatientStripe(world.stripe, world.clock))
    scope = Scope(world.stripe.livemode)
    run = Run(row.name, started_at=world.clock.now())
    try:
        async with asyncio.timeout(deadline - world.clock.now()):
            await _pass(row, scope, world, run)
        run.complete = True
    except TimeoutError:
        run.reason = "the function ran out of time"
    except (Retryable, Refused, Gone) as error:
        run.reason = str(error)
    except Exception as error:  # noqa: BLE001 - one type's failure must not keep the others from their pass
        run.reason = f"unforeseen {type(error).__name__}"
    run.finished_at = world.clock.now()
    try:
        await world.mirror.record(scope, f"run:{row.name}", run.started_at, run.entry())
    except Retryable as error:
        run.complete = False
        run.reason = run.reason or f"the record could not be kept: {error}"
    return run


async def _pass(row: ObjectType, scope: Scope, world: World, run: Run) -> None:
    listed: set[str] = set()
    async for page in pages(row, scope, world):
        run.pages += 1
        listed.update(identifier for entry in page.entries if (identifier := bodies.text_at(entry, "id")))
        await _compare(row, scope, page, world, run)
    # What a doubtful list does not show, it may have been refused to show.
    has_lists = any(not listing.doubtful for listing in row.listings)
    unlisted = Difference.NOT_LISTED if has_lists else Difference.NO_LIST
    batch: list[str] = []
    async for identifier in world.mirror.ids(scope, row.name):
        if identifier not in listed:
            batch.append(identifier)
        if len(batch) == BATCH:
            await _look_at_known(row, scope, batch, unlisted, world, run)
            batch.clear()
    await _look_at_known(row, scope, batch, unlisted, world, run)


async def _look_at_known(
    row: ObjectType, scope: Scope, ids: list[str], difference: Difference, world: World, run: Run
) -> None:
    """Looks at mirrored objects, with the parents that their URLs need."""
    known = {subject.key: subject.id for subject in (Subject(scope, row, identifier) for identifier in ids)}
    heads = await world.mirror.heads([Subject(scope, row, identifier) for identifier in ids])
    subjects = [named(scope, row.name, known[key], head.parent) for key, head in heads.items() if not head.deleted]
    await _look_at(dict.fromkeys(subjects, difference), world, run)


async def _compare(row: ObjectType, scope: Scope, page: Page, world: World, run: Run) -> None:
    subjects = {
        identifier: named(scope, row.name, identifier, page.parent)
        for entry in page.entries
        if (identifier := bodies.text_at(entry, "id"))
    }
    heads = await world.mirror.heads(subjects.values())
    by_id = {identifier: heads[one.key] for identifier, one in subjects.items() if one.key in heads}
    run.compared += len(page.entries)
    differences = compare(page.entries, by_id, world.stripe.version(row.api))
    for identifier in await _findable_customers(row, page.entries, by_id, subjects, world):
        differences.setdefault(identifier, Difference.DIFFERENT)
    await _look_at({subjects[identifier]: kind for identifier, kind in differences.items()}, world, run)


async def _findable_customers(
    row: ObjectType,
    page: list[JsonObject],
    heads: Mapping[str, Head],
    subjects: Mapping[str, Subject],
    world: World,
) -> list[str]:
    """The ids of mirrored objects without a customer, although the one they point to has one by now.

    The customer is not in the body, so no digest shows it.
    """
    if not isinstance(row.customer, Via):
        return []
    pointing: dict[str, Subject] = {}
    for entry in page:
        identifier, owner = bodies.text_at(entry, "id"), bodies.text_at(entry, row.customer.path)
        head = heads.get(identifier or "")
        if identifier and owner and head and not head.deleted and head.customer is None:
            pointing[identifier] = subjects[identifier].beside(row.customer.type, owner)
    owners = await world.mirror.heads(pointing.values())
    return [identifier for identifier, owner in pointing.items() if owner.key in owners and owners[owner.key].customer]


async def _look_at(suspects: Mapping[Subject, Difference], world: World, run: Run) -> None:
    """Lets a fetch decide each suspicion, except where somebody else's fetch is about to."""
    heads = await world.mirror.heads(suspects)
    claims = await world.mirror.claims(suspects)
    now = world.clock.now()
    idle = {
        subject: difference
        for subject, difference in suspects.items()
        if not known.in_flight(heads.get(subject.key), claims.get(subject.key), now=now)
    }
    run.in_flight += len(suspects) - len(idle)
    await asyncio.gather(*(_note(subject, difference, world, run) for subject, difference in idle.items()))


async def _note(subject: Subject, difference: Difference, world: World, run: Run) -> None:
    # At once, and not when all are decided: a pass that runs out of time must still tell what it did.
    drift = await _decide(subject, difference, world)
    harmless = difference is Difference.OUTDATED or drift.resolution is Resolution.FALSE_ALARM
    if difference in CAUSELESS and harmless and drift.resolution is not Resolution.UNRESOLVED:
        run.refreshed += 1
    else:
        run.drifts.append(drift)


async def _decide(subject: Subject, difference: Difference, world: World) -> Drift:
    try:
        # Time 0: no queue retries this, so the next pass must not wait for it.
        token, observation = await claim_and_observe(world, subject, claimed_at=0.0)
        # Read now and not before: what arrived since the list was read is no drift.
        head = (await world.mirror.heads([subject])).get(subject.key)
        before = await world.mirror.body(subject)
        outcome = await apply(world, subject, token, observation, head)
    except (Retryable, Refused) as error:
        return Drift(subject.id, difference, Resolution.UNRESOLVED, reason=str(error))
    except Exception as error:  # noqa: BLE001 - one object's failure must not end the pass of all others
        return Drift(subject.id, difference, Resolution.UNRESOLVED, reason=f"unforeseen {type(error).__name__}")
    if not _repaired(outcome, head):
        return Drift(subject.id, difference, Resolution.FALSE_ALARM)
    fields = bodies.differing(before or {}, observation.live) if before and observation.live else []
    return Drift(subject.id, difference, Resolution.REPAIRED, tuple(fields))


def _repaired(outcome: Outcome, head: Head | None) -> bool:
    """Whether the write changed what the mirror held."""
    alive = head is not None and not head.deleted
    return outcome is Outcome.STORED or (outcome is Outcome.REMOVED and alive)
