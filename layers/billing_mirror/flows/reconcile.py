"""Reconcile: walk a type's list at Stripe beside the mirror, and let a fetch decide every difference.

A list is a hint and no more: v2 lists are eventually consistent, so a body from a page is never written
over an object, and an object that no page shows is not thereby gone.
https://docs.stripe.com/api-v2-overview
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from billing_mirror.core import body as bodies
from billing_mirror.core import known, times
from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import ObjectType, Via
from billing_mirror.core.drift import CAUSELESS, Difference, compare
from billing_mirror.core.errors import Refused, Retryable
from billing_mirror.core.known import READ_LAG, Head
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.run import Drift, Resolution, Run
from billing_mirror.core.subject import Scope, Subject, named

from .listed import BATCH, Page, pages
from .one_subject import World, apply, claim_and_observe
from .recorded import recorded

NOT_SHOWN = "Stripe does not show the object, although it has just listed or made it"


async def reconcile(row: ObjectType, world: World, *, deadline: float) -> Run:
    """One pass over all objects of a type in the key's own account; leaves a record.

    Ends by ``deadline`` (seconds since 1970), complete or not.
    """
    return await recorded(row.name, partial(_pass, row), world, deadline=deadline)


async def _pass(row: ObjectType, scope: Scope, world: World, run: Run) -> None:
    listed: set[str] = set()
    unread = False
    async for page in pages(row, scope, world):
        run.pages += page.owner is None
        listed.update(identifier for entry in page.entries if (identifier := bodies.text_at(entry, "id")))
        await _compare(row, scope, page, world, run)
        if page.owner is not None and page.problem:
            unread = True
            run.drifts.append(Drift(page.owner.id, Difference.NO_LIST, Resolution.UNRESOLVED, reason=page.problem))
        elif page.owner is not None:
            await _look_at({page.owner: Difference.DIFFERENT}, world, run)
    if not unread:
        await _look_at_unlisted(row, scope, listed, world, run)


async def _look_at_unlisted(row: ObjectType, scope: Scope, listed: Collection[str], world: World, run: Run) -> None:
    """Looks at mirrored objects that no list has shown."""
    # What a doubtful list does not show, it may have been refused to show.
    has_lists = any(not listing.doubtful for listing in row.listings)
    difference = Difference.NOT_LISTED if has_lists else Difference.NO_LIST
    batch: list[Subject] = []
    async for identifier in world.mirror.ids(scope, row.name):
        if identifier not in listed:
            batch.append(Subject(scope, row, identifier))
        if len(batch) == BATCH:
            await _look_at(dict.fromkeys(await _long_known(batch, world, run), difference), world, run)
            batch.clear()
    await _look_at(dict.fromkeys(await _long_known(batch, world, run), difference), world, run)


async def _long_known(subjects: Sequence[Subject], world: World, run: Run) -> list[Subject]:
    """Those that were not fetched during the pass anyway, with the parents that their URLs need."""
    heads = await world.mirror.heads(subjects)
    return [
        replace(subject, parent=head.parent if subject.row.nested else None)
        for subject in subjects
        if (head := heads.get(subject.key)) and not head.deleted and head.fetched_at < run.started_at
    ]


async def _compare(row: ObjectType, scope: Scope, page: Page, world: World, run: Run) -> None:
    subjects = _subjects(row, scope, page, run)
    heads = await world.mirror.heads(subjects.values())
    by_id = {identifier: heads[one.key] for identifier, one in subjects.items() if one.key in heads}
    run.compared += len(page.entries)
    differences = compare(row, page.entries, by_id, world.stripe.version(row.api))
    for identifier in await _findable_customers(row, page.entries, by_id, subjects, world):
        differences.setdefault(identifier, Difference.DIFFERENT)
    suspects = {subjects[identifier]: kind for identifier, kind in differences.items() if identifier in subjects}
    await _look_at(suspects, world, run)


def _subjects(row: ObjectType, scope: Scope, page: Page, run: Run) -> dict[str, Subject]:
    """The objects of a page, by id. One whose id cannot be asked for must not end the pass of all others."""
    subjects = {}
    for entry in page.entries:
        identifier = bodies.text_at(entry, "id")
        if identifier is None:
            continue
        try:
            subjects[identifier] = named(scope, row.name, identifier, page.parent)
        except Refused as error:
            run.drifts.append(Drift(identifier, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
    return subjects


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
    suspects = {subject: kind for subject, kind in suspects.items() if subject.key not in run.looked_at}
    heads = await world.mirror.heads(suspects)
    claims = await world.mirror.claims(suspects)
    now = world.clock.now()
    idle = {
        subject: difference
        for subject, difference in suspects.items()
        if not known.in_flight(heads.get(subject.key), claims.get(subject.key), now=now)
    }
    run.in_flight += len(suspects) - len(idle)
    run.looked_at.update(subject.key for subject in idle)
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
        if observation.body is None and _may_be_there(difference, before, observation.fetched_at):
            return Drift(subject.id, difference, Resolution.UNRESOLVED, reason=NOT_SHOWN)
        outcome = await apply(world, subject, token, observation, head)
    except (Retryable, Refused) as error:
        return Drift(subject.id, difference, Resolution.UNRESOLVED, reason=str(error))
    except Exception as error:  # noqa: BLE001 - one object's failure must not end the pass of all others
        return Drift(subject.id, difference, Resolution.UNRESOLVED, reason=f"unforeseen {type(error).__name__}")
    if not _repaired(outcome, head):
        return Drift(subject.id, difference, Resolution.FALSE_ALARM)
    fields = bodies.differing(before or {}, observation.live) if before and observation.live else []
    return Drift(subject.id, difference, Resolution.REPAIRED, tuple(fields))


def _may_be_there(difference: Difference, before: JsonObject | None, now: float) -> bool:
    """Whether a missing object may be one that Stripe does not show yet, rather than one that is gone."""
    made = times.seconds(times.created(before.get("created"))) if before else 0.0
    return difference not in (Difference.NOT_LISTED, Difference.NO_LIST) or abs(now - made) < READ_LAG


def _repaired(outcome: Outcome, head: Head | None) -> bool:
    """Whether the write changed what the mirror held."""
    alive = head is not None and not head.deleted
    return outcome is Outcome.STORED or (outcome is Outcome.REMOVED and alive)
