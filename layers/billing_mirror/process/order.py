"""In which order the objects of a batch are worked on: what one shows may save the requests for another."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from billing_mirror.core import catalog

from .messages import Result, WorkItem

Group: TypeAlias = list[WorkItem]
"""The messages about one object."""
Work: TypeAlias = Callable[[Sequence[Group]], Awaitable[dict[str, Result]]]
"""Gives the result of each message, by message id."""


async def owners_first(groups: Sequence[Group], work: Work) -> dict[str, Result]:
    """Works on all groups at once, except that objects wait for those that know their customer or their parent."""
    types = {_type(group) for group in groups}
    stages: dict[frozenset[str], list[Group]] = defaultdict(list)
    for group in groups:
        stages[catalog.OWNERS.get(_type(group), frozenset()) & types].append(group)
    done = {name: asyncio.Event() for name in types}

    async def work_after(owners: frozenset[str], stage: Sequence[Group]) -> dict[str, Result]:
        for owner in owners:
            await done[owner].wait()
        try:
            return await work(stage)
        finally:
            for group in stage:
                done[_type(group)].set()

    ended = await asyncio.gather(*(work_after(owners, stage) for owners, stage in stages.items()))
    return {message_id: result for results in ended for message_id, result in results.items()}


def _type(group: Group) -> str:
    return next((item.ref.type for item in group if item.ref is not None), "")
