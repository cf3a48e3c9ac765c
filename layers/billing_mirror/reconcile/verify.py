"""Reconcile: walk a type's lists at Stripe beside the mirror, and let a fetch decide every difference.

A list is a hint and no more: v2 lists are eventually consistent, so a body from a page is never written
over an object, and an object that no page shows is not thereby gone.
https://docs.stripe.com/api-v2-overview
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import ObjectType, Via
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference, compare
from billing_mirror.core.errors import Refused
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import UNCLAIMED, Head
from billing_mirror.core.object_ref import Subject, named
from billing_mirror.core.run import Drift, Job, Resolution, Run
from billing_mirror.ports import Listed
from billing_mirror.refresh.apply import World

from .backfill import queue, take
from .dependencies import Watch
from .listing import BATCH, pages
from .pages import Page
from .repair import decided_before, look_at, settle_stopped
from .runs.active_run import Round, require_an_end
from .runs.lifecycle import recorded

COUNTED = Place(counted=True)
"""The place after all lists."""
IDS_UNTIL_SAVED = 10_000
"""Mirrored ids after which the place is kept: all of them may take longer than one tick."""


async def reconcile(row: ObjectType, run: Run, watch: Watch, *, until: float) -> Run:
    """Goes on with a run over all objects of a type in the key's own account, until then (seconds since 1970)."""
    return await recorded(run, partial(_walk, row), watch, until=until)


async def _walk(row: ObjectType, round_: Round) -> None:
    if not round_.place.counted:
        await _walk_lists(row, round_)
        await round_.save(COUNTED)
    # What was mirrored since the run began, was fetched or listed since.
    if not round_.run.counts.unread and not round_.run.began_empty:
        await _look_at_unlisted(row, round_)
    await settle_stopped(round_)


async def _walk_lists(row: ObjectType, round_: Round) -> None:
    counts = round_.run.counts
    shown: list[str] = []
    async for page in pages(row, round_.scope, round_.world, round_.place):
        counts.pages += bool(page.asked_at)
        counts.restarts += page.restarted
        require_an_end(f"the lists of {row.name}", counts)
        shown += page.ids
        await _compare(row, page, round_)
        if page.owner is not None and page.problem:
            await round_.unreadable(page.owner.id, page.problem)
        elif page.owner is not None and page.fetched:
            await decided_before({page.owner.id: page.owner}, round_)
            await look_at({page.owner: Difference.DIFFERENT}, round_)
        elif page.owner is not None:
            await queue([page.owner], round_)
        if page.next is not None:
            await round_.save(page.next, shown)
            shown.clear()
        if page.restarted and round_.run.job is Job.BACKFILL:
            await round_.begin_again()
        await round_.prolong()


async def _compare(row: ObjectType, page: Page, round_: Round) -> None:
    if not page.entries:
        return
    mirror, stripe = round_.world.mirror, round_.world.stripe
    subjects = await _subjects(row, page, round_)
    heads = await mirror.heads(subjects.values())
    by_id = {identifier: head for identifier, one in subjects.items() if (head := heads.get(one.key))}
    suspects = compare(row, page.entries, by_id, stripe.version(row.api))
    for identifier in await _findable_customers(row, page.entries, by_id, subjects, round_.world):
        suspects.setdefault(identifier, Difference.DIFFERENT)
    decided = await decided_before(subjects, round_)
    inserted = _inserted_before(by_id, round_)
    await _note_nameless(page.entries, round_)
    unequal = suspects.keys() | decided | inserted
    round_.run.counts.compared += len(page.entries)
    round_.run.counts.equal += sum(identifier not in unequal for identifier in page.ids)
    round_.run.counts.inserted += len(inserted)
    new = _never_seen(page.entries, subjects, by_id) if round_.run.job is Job.BACKFILL else {}
    if new:
        await take(new, page, round_)
    await look_at(
        {subjects[name]: kind for name, kind in suspects.items() if name in subjects and subjects[name] not in new},
        round_,
    )


async def _subjects(row: ObjectType, page: Page, round_: Round) -> dict[str, Subject]:
    """The objects of a page, by id. One whose id cannot be asked for must not end the run of all others."""
    subjects = {}
    for identifier in page.ids:
        try:
            subjects[identifier] = named(round_.scope, row.name, identifier, page.parent)
        except Refused as error:
            await round_.decided(Drift(identifier, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
    return subjects


async def _note_nameless(entries: Sequence[JsonObject], round_: Round) -> None:
    """Notes the objects without an id, which nobody can ask for. They must not end the run of all others either."""
    for entry in entries:
        if bodies.text_at(entry, "id") is None:
            # Told apart by their bodies: evidence is by id, and the end of a run counts it.
            name = f"without an id, {bodies.digest(entry)[:16]}"
            reason = "the list shows an object without an id"
            await round_.decided(Drift(name, Difference.MISSING, Resolution.UNRESOLVED, reason=reason))


def _inserted_before(heads: Mapping[str, Head], round_: Round) -> set[str]:
    """The ids of those that were inserted by a tick that was stopped before it could keep their page."""
    if round_.run.job is not Job.BACKFILL:
        return set()
    return {
        identifier
        for identifier, head in heads.items()
        if head.token == UNCLAIMED
        and round_.run.started_at <= head.fetched_at < round_.began_at
        and round_.may_be_uncounted(identifier)
    }


def _never_seen(
    entries: Sequence[JsonObject], subjects: Mapping[str, Subject], heads: Mapping[str, Head]
) -> dict[Subject, JsonObject]:
    return {
        subjects[identifier]: entry
        for entry in entries
        if (identifier := bodies.text_at(entry, "id"))
        and identifier in subjects
        and identifier not in heads
        and entry.get("deleted") is not True
    }


async def _look_at_unlisted(row: ObjectType, round_: Round) -> None:
    """Looks at mirrored objects that no list has shown in the whole run."""
    # What a doubtful list does not show, it may have been refused to show.
    has_lists = any(not listing.doubtful for listing in row.listings)
    difference = Difference.NOT_LISTED if has_lists else Difference.NO_LIST
    shown = await round_.shown()
    here = Listed(round_.place.created, round_.place.owner)
    batch: list[Subject] = []
    passed = 0
    async for listed in round_.world.mirror.ids(round_.scope, row.name, since=here.created or None):
        if listed > here and listed.id not in shown:
            batch.append(Subject(round_.scope, row, listed.id))
        passed += 1
        if len(batch) == BATCH or passed == IDS_UNTIL_SAVED:
            await look_at(dict.fromkeys(await _long_known(batch, round_), difference), round_)
            await round_.save(replace(COUNTED, owner=listed.id, created=listed.created))
            batch.clear()
            passed = 0
    await look_at(dict.fromkeys(await _long_known(batch, round_), difference), round_)


async def _long_known(subjects: Sequence[Subject], round_: Round) -> list[Subject]:
    """Those that were not fetched during the run anyway, with the parents that their URLs need."""
    heads = await round_.world.mirror.heads(subjects)
    return [
        replace(subject, parent=head.parent if subject.row.nested else None)
        for subject in subjects
        if (head := heads.get(subject.key)) and not head.deleted and head.fetched_at < round_.run.started_at
    ]


async def _findable_customers(
    row: ObjectType,
    page: Sequence[JsonObject],
    heads: Mapping[str, Head],
    subjects: Mapping[str, Subject],
    world: World,
) -> list[str]:
    """The ids of mirrored objects without a customer, although the one they point to has one by now.

    The customer is not in the body, so no digest shows it.
    """
    lacking = {identifier for identifier, head in heads.items() if head.customer is None and not head.deleted}
    if not lacking or not isinstance(row.customer, Via):
        return []
    pointing: dict[str, Subject] = {}
    for entry in page:
        identifier, owner = bodies.text_at(entry, "id"), bodies.text_at(entry, row.customer.path)
        if identifier in lacking and owner:
            pointing[identifier] = subjects[identifier].beside(row.customer.type, owner)
    owners = await world.mirror.heads(pointing.values()) if pointing else {}
    return [identifier for identifier, owner in pointing.items() if owner.key in owners and owners[owner.key].customer]
