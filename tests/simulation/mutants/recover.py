"""Mutants of the job that recovers lost events."""

from collections.abc import Mapping
from dataclasses import replace

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.checkpoints import PagePosition
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import Claim, Head, reflects_event
from billing_mirror.ports import Ports
from billing_mirror.process.batch import _fetch
from billing_mirror.process.messages import ProcessDependencies, WorkItem
from billing_mirror.reconcile.jobs.recover import _read_events
from billing_mirror.reconcile.lists.pages import ObjectPage, RestartedList

from .registry import mutant, replaces


@mutant("the watermark moves although a window of events was read in part")
@replaces(_read_events)
async def reads_first_page_only(
    query: Mapping[str, str], position: PagePosition, ports: Ports
) -> ObjectPage | RestartedList:
    page = await _read_events(query, position, ports)
    return replace(page, next=None) if isinstance(page, ObjectPage) else page


@mutant("any fetch counts as showing what an event announces")
@replaces(reflects_event)
def believes_any_fetch(
    head: Head | None, claim: Claim | None, identity: str, created_at: float, *, creates: ObjectType | None = None
) -> bool:
    return head is not None


@mutant("a fetch counts as showing an event by the clock of a container that is ahead")
@replaces(reflects_event)
def believes_clocks(
    head: Head | None, claim: Claim | None, identity: str, created_at: float, *, creates: ObjectType | None = None
) -> bool:
    is_later = head is not None and claim is not None and claim.claimed == head.token and head.fetched_at > created_at
    return is_later or reflects_event(head, claim, identity, created_at, creates=creates)


@mutant("a fetch counts as showing events that arrived while its answer was on its way")
@replaces(_fetch)
async def dates_events_by_answer(
    ref: ObjectRef, items: list[WorkItem], head: Head | None, dependencies: ProcessDependencies
) -> tuple[int, Observation]:
    token, observation = await _fetch(ref, items, head, dependencies)
    return token, replace(
        observation, last_event_at=dependencies.ports.clock.now()
    ) if observation.last_event_at else observation
