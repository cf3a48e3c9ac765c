"""Reconcile: walk a type's lists at Stripe beside the mirror, and let a fetch decide every difference.

A list is a hint and no more: v2 lists are eventually consistent, so a body from a page is never written
over an object, and an object that no page shows is not thereby gone.
https://docs.stripe.com/api-v2-overview
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ObjectType, Reference
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference, compare
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import UNCLAIMED_TOKEN, Head
from billing_mirror.core.object_ref import ObjectRef, ref_to
from billing_mirror.core.run import Drift, Job, Resolution, Run
from billing_mirror.ports import IndexEntry, Ports

from .backfill import enqueue, insert_new
from .dependencies import ReconcileDependencies
from .listing import BATCH, pages
from .pages import Page
from .repair import already_resolved, finish_interrupted, verify_and_repair
from .runs.active_run import ActiveRun, require_an_end
from .runs.lifecycle import execute

COUNTED = Place(counted=True)
"""The place after all lists."""
IDS_UNTIL_SAVED = 10_000
"""Mirrored ids after which the place is kept: all of them may take longer than one tick."""


async def verify(object_type: ObjectType, run: Run, dependencies: ReconcileDependencies, *, until: float) -> Run:
    """Goes on with a run over all objects of a type in the key's own account, until then (seconds since 1970)."""
    return await execute(run, partial(_walk, object_type), dependencies, until=until)


async def _walk(object_type: ObjectType, round_: ActiveRun) -> None:
    if not round_.place.counted:
        await _walk_lists(object_type, round_)
        await round_.save(COUNTED)
    # What was mirrored since the run began, was fetched or listed since.
    if not round_.run.counts.lists_unreadable and not round_.run.started_empty:
        await _look_at_unlisted(object_type, round_)
    await finish_interrupted(round_)


async def _walk_lists(object_type: ObjectType, round_: ActiveRun) -> None:
    counts = round_.run.counts
    shown: list[str] = []
    async for page in pages(object_type, round_.scope, round_.ports, round_.place):
        counts.pages += bool(page.asked_at)
        counts.restarts += page.restarted
        require_an_end(f"the lists of {object_type.name}", counts)
        shown += page.ids
        await _compare(object_type, page, round_)
        if page.owner is not None and page.problem:
            await round_.unreadable(page.owner.id, page.problem)
        elif page.owner is not None and page.fetched:
            await already_resolved({page.owner.id: page.owner}, round_)
            await verify_and_repair({page.owner: Difference.DIFFERENT}, round_)
        elif page.owner is not None:
            await enqueue([page.owner], round_)
        if page.next is not None:
            await round_.save(page.next, shown)
            shown.clear()
        if page.restarted and round_.run.job is Job.BACKFILL:
            await round_.begin_again()
        await round_.prolong()


async def _compare(object_type: ObjectType, page: Page, round_: ActiveRun) -> None:
    if not page.entries:
        return
    mirror, stripe = round_.ports.mirror, round_.ports.stripe
    refs = await _subjects(object_type, page, round_)
    heads = await mirror.heads(refs.values())
    by_id = {identifier: head for identifier, one in refs.items() if (head := heads.get(one.key))}
    suspects = compare(object_type, page.entries, by_id, stripe.version(object_type.api))
    for identifier in await _findable_customers(object_type, page.entries, by_id, refs, round_.ports):
        suspects.setdefault(identifier, Difference.DIFFERENT)
    decided = await already_resolved(refs, round_)
    inserted = _inserted_before(by_id, round_)
    await _note_nameless(page.entries, round_)
    unequal = suspects.keys() | decided | inserted
    round_.run.counts.compared += len(page.entries)
    round_.run.counts.equal += sum(identifier not in unequal for identifier in page.ids)
    round_.run.counts.inserted += len(inserted)
    new = _never_seen(page.entries, refs, by_id) if round_.run.job is Job.BACKFILL else {}
    if new:
        await insert_new(new, page, round_)
    await verify_and_repair(
        {refs[name]: kind for name, kind in suspects.items() if name in refs and refs[name] not in new},
        round_,
    )


async def _subjects(object_type: ObjectType, page: Page, round_: ActiveRun) -> dict[str, ObjectRef]:
    """The objects of a page, by id. One whose id cannot be asked for must not end the run of all others."""
    refs = {}
    for identifier in page.ids:
        try:
            refs[identifier] = ref_to(round_.scope, object_type.name, identifier, page.parent)
        except PermanentError as error:
            await round_.decided(Drift(identifier, Difference.MISSING, Resolution.UNRESOLVED, reason=str(error)))
    return refs


async def _note_nameless(entries: Sequence[JsonObject], round_: ActiveRun) -> None:
    """Notes the objects without an id, which nobody can ask for. They must not end the run of all others either."""
    for entry in entries:
        if json_body.text_at(entry, "id") is None:
            # Told apart by their bodies: evidence is by id, and the end of a run counts it.
            name = f"without an id, {json_body.digest(entry)[:16]}"
            reason = "the list shows an object without an id"
            await round_.decided(Drift(name, Difference.MISSING, Resolution.UNRESOLVED, reason=reason))


def _inserted_before(heads: Mapping[str, Head], round_: ActiveRun) -> set[str]:
    """The ids of those that were inserted by a tick that was stopped before it could keep their page."""
    if round_.run.job is not Job.BACKFILL:
        return set()
    return {
        identifier
        for identifier, head in heads.items()
        if head.token == UNCLAIMED_TOKEN
        and round_.run.started_at <= head.fetched_at < round_.began_at
        and round_.may_be_uncounted(identifier)
    }


def _never_seen(
    entries: Sequence[JsonObject], refs: Mapping[str, ObjectRef], heads: Mapping[str, Head]
) -> dict[ObjectRef, JsonObject]:
    return {
        refs[identifier]: entry
        for entry in entries
        if (identifier := json_body.text_at(entry, "id"))
        and identifier in refs
        and identifier not in heads
        and entry.get("deleted") is not True
    }


async def _look_at_unlisted(object_type: ObjectType, round_: ActiveRun) -> None:
    """Looks at mirrored objects that no list has shown in the whole run."""
    # What a doubtful list does not show, it may have been refused to show.
    has_lists = any(not listing.may_be_refused for listing in object_type.listings)
    difference = Difference.NOT_LISTED if has_lists else Difference.NO_LIST
    shown = await round_.shown()
    here = IndexEntry(round_.place.created, round_.place.owner)
    batch: list[ObjectRef] = []
    passed = 0
    async for listed in round_.ports.mirror.ids(round_.scope, object_type.name, since=here.created or None):
        if listed > here and listed.id not in shown:
            batch.append(ObjectRef(round_.scope, object_type, listed.id))
        passed += 1
        if len(batch) == BATCH or passed == IDS_UNTIL_SAVED:
            await verify_and_repair(dict.fromkeys(await _long_known(batch, round_), difference), round_)
            await round_.save(replace(COUNTED, owner=listed.id, created=listed.created))
            batch.clear()
            passed = 0
    await verify_and_repair(dict.fromkeys(await _long_known(batch, round_), difference), round_)


async def _long_known(refs: Sequence[ObjectRef], round_: ActiveRun) -> list[ObjectRef]:
    """Those that were not fetched during the run anyway, with the parents that their URLs need."""
    heads = await round_.ports.mirror.heads(refs)
    return [
        replace(ref, parent=head.parent if ref.object_type.nested else None)
        for ref in refs
        if (head := heads.get(ref.key)) and not head.deleted and head.fetched_at < round_.run.started_at
    ]


async def _findable_customers(
    object_type: ObjectType,
    page: Sequence[JsonObject],
    heads: Mapping[str, Head],
    refs: Mapping[str, ObjectRef],
    ports: Ports,
) -> list[str]:
    """The ids of mirrored objects without a customer, although the one they point to has one by now.

    The customer is not in the body, so no digest shows it.
    """
    lacking = {identifier for identifier, head in heads.items() if head.customer is None and not head.deleted}
    if not lacking or not isinstance(object_type.customer, Reference):
        return []
    pointing: dict[str, ObjectRef] = {}
    for entry in page:
        identifier, owner = json_body.text_at(entry, "id"), json_body.text_at(entry, object_type.customer.path)
        if identifier in lacking and owner:
            pointing[identifier] = refs[identifier].in_same_scope(object_type.customer.type, owner)
    owners = await ports.mirror.heads(pointing.values()) if pointing else {}
    return [identifier for identifier, owner in pointing.items() if owner.key in owners and owners[owner.key].customer]
