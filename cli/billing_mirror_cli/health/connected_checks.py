"""What `doctor` finds out about connected accounts: which are compared, and which are not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core import times
from billing_mirror.core.runs.connected import NONE, PARTITION, ConnectedAccount, ConnectedAccounts
from billing_mirror.core.runs.schedule import HOUR

from ..stack.session import Session
from ..words import age, count, since
from .findings import Check, Finding, Level

NAME = Check.CONNECTED_ACCOUNTS
LATE_AFTER = 2 * HOUR
"""Seconds that an account may wait for its turn: a large one may take several ticks to be read for the first time."""
MAX_NAMED = 5


def connected_accounts(session: Session) -> Iterator[Finding]:
    """Lines about the accounts of the parameter Contexts; none where no account is connected."""
    wanted = ConnectedAccounts.parse(session.stack.parameters.get("Contexts") or NONE)
    known = asyncio.run(_known(session))
    if wanted.listed:
        known, missing = [one for one in known if one.context in wanted.listed], _missing(wanted, known)
        if missing:
            named = _named(missing)
            yield Finding(NAME, Level.UNKNOWN, f"no tick has worked on {named} yet", "Wait for the next tick")
    elif not wanted:
        if known:
            sentence = f"events of {count(len(known), 'account')} are mirrored; Contexts is none, so none is compared"
            yield Finding(NAME, Level.OK, sentence)
        return
    revoked = [one for one in known if one.revoked_at]
    late = [one for one in known if not one.revoked_at and 0 < one.due_at < session.now() - LATE_AFTER]
    yield from (_revoked(one, session.now(), listed=bool(wanted.listed)) for one in revoked)
    if late:
        longest = age(session.now() - min(one.due_at for one in late))
        yield Finding(
            NAME,
            Level.FAIL,
            f"waiting for a tick: {count(len(late), 'account')}, the longest for {longest}",
            "docs/operations.md#connected-accounts",
        )
    compared = [one for one in known if one.due_at and not one.revoked_at]
    yield Finding(NAME, Level.OK, f"{count(len(compared), 'account')} compared with Stripe")


async def _known(session: Session) -> list[ConnectedAccount]:
    store = DynamoStateStore(session.aws.dynamodb, session.stack.table)
    return [ConnectedAccount.from_item(item) async for item in store.entries(session.mode, PARTITION)]


def _missing(wanted: ConnectedAccounts, known: Sequence[ConnectedAccount]) -> list[str]:
    worked_on = {one.context for one in known if one.due_at or one.revoked_at}
    return [context for context in wanted.listed if context not in worked_on]


def _named(contexts: Sequence[str]) -> str:
    rest = len(contexts) - MAX_NAMED
    return ", ".join(contexts[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _revoked(account: ConnectedAccount, now: float, *, listed: bool) -> Finding:
    """A listed account is expected to give access; one that was seen may go as it came."""
    sentence = f"{account.context} gives the key no access since {since(times.iso(account.revoked_at), now)}"
    if not listed:
        return Finding(NAME, Level.OK, sentence)
    return Finding(NAME, Level.FAIL, sentence, "Have it connect again, or take it out of Contexts")
