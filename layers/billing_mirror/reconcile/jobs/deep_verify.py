"""Deep verify: read what the table holds of listed objects, and find what no write stores like that.

Verify compares Stripe's lists with the digests in the mirror. It sees neither a stored body that was changed beside
its digest nor an index column. An item that lacks the key of an index is not in it:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-general-sparse-indexes.html
"""

import asyncio
from collections.abc import Container, Mapping

from billing_mirror.core.errors import PermanentError
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.run import Counts
from billing_mirror.core.table import stored
from billing_mirror.core.table.items import customer_in
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.refresh.references import customer_or_owner

from ..gather import gather_all
from ..runs.active_run import ActiveRun

READS_AT_ONCE = 8
"""Stored objects that are read at the same time: a body may have 400 KB."""


async def stored_wrong(
    heads: Mapping[str, Head], differing: Container[str], refs: Mapping[str, ObjectRef], run: ActiveRun
) -> list[str]:
    """The ids of a page's objects in the run's sample whose stored bodies or columns are wrong.

    Objects that differ are left out: their repair stores them anew.
    """
    sample = [
        identifier
        for identifier, head in heads.items()
        if run.record.deep.holds(identifier) and identifier not in differing and not head.deleted
    ]
    semaphore = asyncio.Semaphore(READS_AT_ONCE)

    async def is_wrong(identifier: str) -> bool:
        async with semaphore:
            found = await run.ports.mirror.stored(refs[identifier])
        return bool(wrong_columns_under(heads[identifier], refs[identifier], found))

    wrong = await gather_all(is_wrong(identifier) for identifier in sample)
    run.count(Counts(stored_read=len(sample)))
    return [identifier for identifier, one in zip(sample, wrong, strict=True) if one]


def wrong_columns_under(head: Head | None, ref: ObjectRef, found: StoredObject | None) -> tuple[str, ...]:
    """The wrong columns of a live object that was read with its head; none where it was written in between."""
    if head is None or head.deleted or found is None or found.columns.get("token") != head.token:
        return ()
    return stored.wrong_columns(ref, found, _customer(ref, found))


def _customer(ref: ObjectRef, found: StoredObject) -> str | None:
    """The customer that the object should have; the stored one where only another object knows it."""
    held = customer_in(found.columns)
    if found.body is None:
        return held
    try:
        named = customer_or_owner(ref, found.body)
    except PermanentError:
        return held
    return held if isinstance(named, ObjectRef) else named
