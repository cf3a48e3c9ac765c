"""Verify: walk a type's lists at Stripe beside the mirror, and repair every difference that a fetch confirms.

A list is only a hint: v2 lists are eventually consistent. So a body from a list never replaces an object, and an
object that no list shows may still exist. https://docs.stripe.com/api-v2-overview
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ObjectType, Reference
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, ref_to
from billing_mirror.core.runs.checkpoints import ListCheckpoint
from billing_mirror.core.runs.drift import Difference, compare
from billing_mirror.core.runs.run import Counts, Job
from billing_mirror.core.table.mirror_state import READ_LAG, UNCLAIMED_TOKEN, Head
from billing_mirror.ports import IndexEntry, Ports
from billing_mirror.refresh.references import customer_or_owner, owner_heads

from ..lists.index_walk import BATCH, walk_index
from ..lists.listing import DifferingOwner, UnreadableList, read_lists
from ..lists.pages import ObjectPage, RestartedList, ResumePoint
from ..runs.active_run import ActiveRun
from .backfill import enqueue, insert_new
from .brake import count_unlisted, held_back, require_few_removals
from .deep_verify import stored_wrong
from .repair import already_resolved, finish_interrupted, verify_and_repair
from .unstorable import (
    WITHOUT_ID,
    compare_notes,
    load_notes,
    name_without_id,
    names_without_key,
    note_without_key,
    tend_notes,
    unlisted_notes,
    without_id,
)

MOVING = 10 * READ_LAG
"""Seconds after an object's fetch in which those that take their customer from it are refreshed by the queue."""
LISTS_READ = ListCheckpoint(lists_read=True)


async def verify(object_type: ObjectType, run: ActiveRun) -> None:
    """Verifies all objects of a type in the key's own account. A backfill also inserts what is new."""
    await load_notes(object_type, run)
    if not run.checkpoints.latest(ListCheckpoint).lists_read:
        await _verify_lists(object_type, run)
        await run.save(LISTS_READ)
    # If the mirror was empty at the start, every object in it was fetched or listed during this run.
    if not run.record.counts.lists_unreadable and not run.record.started_empty:
        await _verify_unlisted(object_type, run)
    await finish_interrupted(run)
    run.record.counts.unstorable = len(await tend_notes(run.ports.mirror, run.scope, object_type.name))


async def _verify_lists(object_type: ObjectType, run: ActiveRun) -> None:
    start = run.checkpoints.latest(ListCheckpoint)
    shown: list[str] = []
    async for step in read_lists(object_type, run.scope, run.ports, start):
        match step:
            case ObjectPage():
                run.count(Counts(pages=1))
                run.require_progress(f"the lists of {object_type.name}")
                shown += [*step.ids, *names_without_key(step)]
                await _verify_page(object_type, step, run)
            case RestartedList():
                await _restart(object_type, shown, run)
            case DifferingOwner():
                await _repair_owner(step, run)
            case UnreadableList(owner, reason):
                await run.record_unreadable_list(owner.id, reason)
            case ResumePoint(checkpoint):
                await run.save(checkpoint, shown)
                shown.clear()
        await run.prolong_lease()


async def _restart(object_type: ObjectType, shown: Sequence[str], run: ActiveRun) -> None:
    run.count(Counts(restarts=1))
    run.require_progress(f"the lists of {object_type.name}")
    if run.record.job is Job.BACKFILL:
        await run.checkpoints.remember_shown_ids(shown)


async def _repair_owner(step: DifferingOwner, run: ActiveRun) -> None:
    if not step.was_fetched:
        await enqueue([step.owner], run)
        return
    await already_resolved({step.owner.id: step.owner}, run)
    await verify_and_repair({step.owner: Difference.DIFFERENT}, run)


# ---- one page


async def _verify_page(object_type: ObjectType, page: ObjectPage, run: ActiveRun) -> None:
    """Compares a page with the mirror, inserts what is new (backfill only), and repairs the differences."""
    if not page.objects:
        return
    refs = await _refs(object_type, page, run)
    # Most objects are equal: the first read need not be consistent, and costs half. What differs is read once more.
    by_id = await _heads(refs, run, consistent=False)
    differences, noted = await _compare(object_type, page, refs, by_id, run)
    if unsure := {one: refs[one] for one in differences.keys() | noted.keys() if one in refs}:
        by_id = {one: head for one, head in by_id.items() if one not in unsure} | await _heads(unsure, run)
        differences, noted = await _compare(object_type, page, refs, by_id, run)
    for identifier, is_left_alone in noted.items():
        if is_left_alone:
            differences.pop(identifier, None)
        else:
            differences.setdefault(identifier, Difference.OUTDATED)  # the mirror may hold this very state
    for identifier in await stored_wrong(by_id, differences.keys() | noted.keys(), refs, run):
        differences[identifier] = Difference.STORED_WRONG
    resolved = await already_resolved(refs, run)
    inserted = _inserted_by_stopped_tick(by_id, run)
    for entry in without_id(page):
        await note_without_key(name_without_id(entry), WITHOUT_ID, run)
    unequal = differences.keys() | resolved | inserted | noted.keys()
    equal = sum(identifier not in unequal for identifier in page.ids)
    run.count(Counts(compared=len(page.objects), equal=equal, inserted=len(inserted)))
    new = _never_seen(page.objects, refs, by_id) if run.record.job is Job.BACKFILL else {}
    # A noted object was fetched: a list must not insert it under a token below that of its note.
    new = {ref: entry for ref, entry in new.items() if ref.id not in noted}
    if new:
        await insert_new(new, page, run)
    differing = {refs[identifier]: kind for identifier, kind in differences.items() if identifier in refs}
    await verify_and_repair({ref: kind for ref, kind in differing.items() if ref not in new}, run)


async def _heads(refs: Mapping[str, ObjectRef], run: ActiveRun, *, consistent: bool = True) -> dict[str, Head]:
    """What the mirror holds of objects, by id."""
    heads = await run.ports.mirror.heads(refs.values(), consistent=consistent)
    return {identifier: head for identifier, ref in refs.items() if (head := heads.get(ref.key))}


async def _compare(
    object_type: ObjectType,
    page: ObjectPage,
    refs: Mapping[str, ObjectRef],
    by_id: Mapping[str, Head],
    run: ActiveRun,
) -> tuple[dict[str, Difference], dict[str, bool]]:
    """The differences between a page and what the mirror holds, and the notes of what it cannot hold."""
    version = run.ports.stripe.version(object_type.api)
    differences = compare(object_type, page.objects, by_id, version, page.missing_fields)
    for identifier in await _findable_customers(object_type, page.objects, by_id, refs, run.ports):
        differences.setdefault(identifier, Difference.DIFFERENT)
    return differences, compare_notes(object_type, page.objects, by_id, run)


async def _refs(object_type: ObjectType, page: ObjectPage, run: ActiveRun) -> dict[str, ObjectRef]:
    """The objects of a page, by id. One with an id that no URL can hold is noted, and does not end the run."""
    refs = {}
    for identifier in page.ids:
        try:
            refs[identifier] = ref_to(run.scope, object_type.name, identifier, page.parent)
        except PermanentError as error:
            await note_without_key(identifier, str(error), run)
    return refs


def _inserted_by_stopped_tick(heads: Mapping[str, Head], run: ActiveRun) -> set[str]:
    """The ids of objects that a tick inserted before it was stopped, without a checkpoint that counts them."""
    if run.record.job is not Job.BACKFILL:
        return set()
    return {
        identifier
        for identifier, head in heads.items()
        if head.token == UNCLAIMED_TOKEN
        and run.record.started_at <= head.fetched_at < run.resumed_at
        and run.checkpoints.may_be_uncounted(identifier)
    }


def _never_seen(
    objects: Sequence[JsonObject], refs: Mapping[str, ObjectRef], heads: Mapping[str, Head]
) -> dict[ObjectRef, JsonObject]:
    return {
        refs[identifier]: entry
        for entry in objects
        if (identifier := json_body.text_at(entry, "id"))
        and identifier in refs
        and identifier not in heads
        and entry.get("deleted") is not True
    }


async def _findable_customers(
    object_type: ObjectType,
    objects: Sequence[JsonObject],
    heads: Mapping[str, Head],
    refs: Mapping[str, ObjectRef],
    ports: Ports,
) -> list[str]:
    """The ids of objects that are mirrored without a customer, although the object they reference has one by now; or
    with another one, although that object moved some time ago.

    The customer is not in the body, so no digest shows it.
    """
    living = {identifier for identifier, head in heads.items() if not head.deleted}
    if not living or not isinstance(object_type.customer, Reference):
        return []
    entries = {identifier: entry for entry in objects if (identifier := json_body.text_at(entry, "id")) in living}
    owners = {one: customer_or_owner(refs[one], entry) for one, entry in entries.items() if one}
    found = await owner_heads(owners, ports.mirror)
    now = ports.clock.now()
    return [one for one, owner in found.items() if _has_other_customer(heads[one], owner, now)]


def _has_other_customer(head: Head, source: Head, now: float) -> bool:
    """Whether an object should be under its source's customer. Where the source has just moved, that is queued."""
    if source.customer is None or source.customer == head.customer:
        return False
    return head.customer is None or now - source.fetched_at > MOVING


# ---- what no list shows


async def _verify_unlisted(object_type: ObjectType, run: ActiveRun) -> None:
    """Fetches the mirrored objects that no list has shown in the whole run."""
    # A list that Stripe may refuse does not prove that an object is unlisted.
    has_lists = any(not listing.may_be_refused for listing in object_type.listings)
    difference = Difference.NOT_LISTED if has_lists else Difference.NO_LIST
    shown = await run.checkpoints.shown_ids()

    def is_unlisted(entry: IndexEntry) -> bool:
        return entry.id not in shown

    counted = await count_unlisted(object_type, run, is_unlisted)
    if counted.unlisted_count:
        await _repair_unlisted(object_type, difference, counted, is_unlisted, run)
    unlisted = await unlisted_notes(object_type, shown, run)
    await verify_and_repair(dict.fromkeys(unlisted, Difference.NO_LIST), run)


async def _repair_unlisted(
    object_type: ObjectType,
    difference: Difference,
    counted: ListCheckpoint,
    is_unlisted: Callable[[IndexEntry], bool],
    run: ActiveRun,
) -> None:
    """Walks the index once more, and fetches what was counted."""
    async for batch in walk_index(run.ports.mirror, run.scope, object_type.name, counted.unlisted, wanted=is_unlisted):
        refs = [ObjectRef(run.scope, object_type, entry.id) for entry in batch.entries]
        await verify_and_repair(dict.fromkeys(await _older_than_run(refs, run), difference), run)
        require_few_removals(counted, run)
        if not batch.is_last:
            await run.save(replace(counted, unlisted=batch.end))
    if run.removals.are_held:
        await _remove_held(object_type, difference, run)


async def _remove_held(object_type: ObjectType, difference: Difference, run: ActiveRun) -> None:
    """Removes what the run has kept, as it turned out to be few: each object is fetched once more."""
    run.removals.are_held = False
    refs = await held_back(object_type, run)
    run.forget_verified(refs)
    for start in range(0, len(refs), BATCH):
        older = await _older_than_run(refs[start : start + BATCH], run)
        await verify_and_repair(dict.fromkeys(older, difference), run)


async def _older_than_run(refs: Sequence[ObjectRef], run: ActiveRun) -> list[ObjectRef]:
    """The objects that were last fetched before the run started, with the parents that their URLs need."""
    heads = await run.ports.mirror.heads(refs)
    return [
        replace(ref, parent=head.parent if ref.object_type.nested else None)
        for ref in refs
        if (head := heads.get(ref.key)) and not head.deleted and head.fetched_at < run.record.started_at
    ]
