"""A tick's work on connected accounts: each in its turn, with a share of the time."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

from billing_mirror.core.errors import TransientError
from billing_mirror.core.runs.connected import PARTITION, ConnectedAccount
from billing_mirror.core.runs.schedule import EARLY_SHARE

from .dependencies import ReconcileDependencies
from .jobs.erasure import erase_due
from .report import TickReport

MIN_SECONDS = 30.0
"""Seconds that a tick works on an account at least, where it has work for so long."""
OWN_SHARE = 0.5
"""The share of a tick that the key's own account has while connected accounts wait."""

WorkOn: TypeAlias = Callable[[ReconcileDependencies, float], Awaitable[TickReport]]
"""Works on what is due in one account, until a time (seconds since 1970)."""


async def tick_accounts(dependencies: ReconcileDependencies, work_on: WorkOn, *, deadline: float) -> TickReport:
    """Works on the key's own account, then on the connected accounts that are due, the longest waiting first.

    What is left of the time goes to the own account again, where it has more to do.
    """
    clock = dependencies.ports.clock
    waiting = await _due(dependencies)
    report = TickReport()
    if dependencies.has_own_account:
        now = clock.now()
        own_until = now + (deadline - now) * OWN_SHARE if waiting else deadline
        report = await work_on(dependencies, own_until)
    while waiting:
        now = clock.now()
        if deadline - now < MIN_SECONDS:
            break
        account = waiting.pop(0)
        until = min(deadline, now + max(MIN_SECONDS, (deadline - now) / (len(waiting) + 1)))
        await _work_on_connected(account, until, report, work_on, dependencies)
    report.longest_wait = max((clock.now() - account.due_at for account in waiting if account.due_at), default=0.0)
    if report.is_cut_short and deadline - clock.now() >= MIN_SECONDS:
        report.continue_with(await work_on(dependencies, deadline))
    return report


async def erase_in_all(dependencies: ReconcileDependencies, *, deadline: float) -> None:
    """Erases what is due in every account that events have named, compared or not: process stores their objects."""
    await erase_due(dependencies, deadline=deadline)
    for context in await known_accounts(dependencies):
        await erase_due(dependencies.within(context), deadline=deadline)


async def _work_on_connected(
    account: ConnectedAccount, until: float, report: TickReport, work_on: WorkOn, dependencies: ReconcileDependencies
) -> None:
    worked = await work_on(dependencies.within(account.context), until)
    now = dependencies.ports.clock.now()
    worked.counts_filling = not dependencies.connected.seen
    report.connected[account.context] = worked
    if worked.is_revoked:
        if not account.revoked_at:
            report.newly_revoked.append(account.context)
        after = account.after_refusal(now)
    else:
        recover_again = now + dependencies.schedule.recover * (1 - EARLY_SHARE)
        after = account.after(now, due_at=now if worked.is_cut_short else recover_again)
    with suppress(TransientError):  # then the next tick works on it again
        await dependencies.state_store.write(dependencies.key_scope, PARTITION, after.context, after.to_item())


async def _due(dependencies: ReconcileDependencies) -> list[ConnectedAccount]:
    """The accounts that are due, the longest waiting first."""
    if not dependencies.connected:
        return []
    now = dependencies.ports.clock.now()
    try:
        known = await known_accounts(dependencies)
    except TransientError:
        return []  # the table is busy: the next tick works on them
    wanted = known if dependencies.connected.seen else {one: known.get(one) for one in dependencies.connected.listed}
    accounts = [account or ConnectedAccount(context) for context, account in wanted.items()]
    return sorted((one for one in accounts if one.due_at <= now), key=lambda one: (one.due_at, one.context))


async def known_accounts(dependencies: ReconcileDependencies) -> dict[str, ConnectedAccount]:
    """The accounts that events have named, or that ticks have worked on, by context. Raises ``TransientError``."""
    items = dependencies.state_store.entries(dependencies.key_scope, PARTITION)
    accounts = [ConnectedAccount.from_item(item) async for item in items]
    return {account.context: account for account in accounts}
