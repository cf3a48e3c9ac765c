"""Mutants of the change feed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from billing_mirror.changes.dependencies import ChangesDependencies, FeedResult, RawRecord
from billing_mirror.changes.feed import _keep, _send, _Work, publish_changes
from billing_mirror.core.changes import json_edits
from billing_mirror.core.changes.change import Change, ChangeKind, body_digest, change_between, detail
from billing_mirror.core.changes.history import Entry, _former, entry
from billing_mirror.core.errors import TransientError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.stored import StoredObject

from .registry import mutant, replaces

bounded = json_edits.bounded


@mutant("a change swaps what was and what is", quick=True)
@replaces(change_between)
def swaps(before: StoredObject | None, after: StoredObject) -> Change | None:
    change = change_between(before, after)
    if change is None or change.before is None:
        return change
    return replace(change, before=change.after, after=change.before)


@mutant("the last record of a batch is dropped", quick=True)
@replaces(publish_changes)
async def drops_last(batch: Sequence[RawRecord], dependencies: ChangesDependencies, *, deadline: float) -> FeedResult:
    return await publish_changes(batch[:-1] if len(batch) > 1 else batch, dependencies, deadline=deadline)


@mutant("a record that has failed is acknowledged", quick=True)
@replaces(publish_changes)
async def acknowledges_failed(
    batch: Sequence[RawRecord], dependencies: ChangesDependencies, *, deadline: float
) -> FeedResult:
    # Without time for another try, as after an outage.
    result = await publish_changes(batch, dependencies, deadline=min(deadline, dependencies.clock.now() + 0.1))
    return replace(result, resume_at=None)


@mutant("an event that the bus has refused counts as taken")
@replaces(_send)
async def ignores_refusals(works: Sequence[_Work], dependencies: ChangesDependencies) -> dict[str, TransientError]:
    await _send(works, dependencies)
    return {}


@mutant("an unreadable record is dropped", quick=True)
@replaces(_keep)
async def drops_unreadable(work: _Work, dependencies: ChangesDependencies, deadline: float) -> None:
    if not work.problem:
        await _keep(work, dependencies, deadline)


@mutant("a write that changed nothing leaves no entry", quick=True)
@replaces(entry)
def keeps_changes_only(
    before: StoredObject | None, after: StoredObject, change: Change | None, *, days: int
) -> Entry | None:
    return entry(before, after, change, days=days) if change is not None else None


@mutant("an entry names the write itself as the one that it has replaced", quick=True)
@replaces(entry)
def replaces_itself(
    before: StoredObject | None, after: StoredObject, change: Change | None, *, days: int
) -> Entry | None:
    made = entry(before, after, change, days=days)
    return replace(made, replaced=made.write) if made is not None else None


@mutant("a change names another body than the one that its edits start from", quick=True)
@replaces(detail)
def starts_from_another(change: Change) -> JsonObject:
    return {**detail(change), "previous_digest": body_digest(change.after)}


@mutant("a change says that it is complete, although it is too large")
@replaces(detail)
def is_always_complete(change: Change) -> JsonObject:
    return {**detail(change), "complete": True}


@mutant("a change says that it is incomplete, although it holds all", quick=True)
@replaces(json_edits.bounded)
def never_fits(given: Iterable[JsonObject], most: int) -> tuple[list[JsonObject], bool]:
    return bounded(given, most)[0], False


@mutant("a removed object is no change")
@replaces(change_between)
def never_removes(before: StoredObject | None, after: StoredObject) -> Change | None:
    change = change_between(before, after)
    return None if change and change.kind is ChangeKind.REMOVED else change


@mutant("an entry of the history keeps what a change has made")
@replaces(_former)
def keeps_after(change: Change) -> Item | None:
    return _former(replace(change, before=change.after))
