"""What no run compares with Stripe, and why; the catalog says of which types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from billing_mirror.core.catalog import RECONCILED_TYPES, TYPES, USAGE, ObjectType
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.connected import NO_ACCOUNTS, ConnectedAccounts


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is mirrored and not compared. ``types`` are those that it concerns; none where it is all."""

    what: str
    why: str
    types: tuple[str, ...] = ()


def gaps(scope: Scope, connected: ConnectedAccounts = NO_ACCOUNTS) -> list[Gap]:
    """Everything that is never compared in a scope. ``connected`` are the accounts that are compared beside it."""
    reconciled = [one for one in RECONCILED_TYPES if not (one.test_mode_only and scope.livemode)]
    hidden = tuple(f"{one.name}: {', '.join(one.ignored_fields)}" for one in reconciled if one.ignored_fields)
    return [
        *([] if scope.context else _of_connected_accounts(scope, connected)),
        Gap(
            "Objects of types outside the catalog",
            "They are mirrored by their events only, because it is not known whether and where Stripe lists them.",
        ),
        Gap(
            "Objects that no event has named, of types without a list",
            "Stripe lists them nowhere: each one that the mirror knows is fetched, and others cannot be found.",
            _named(reconciled, lambda one: not one.listings),
        ),
        Gap(
            "Reports that are events themselves",
            "An event never changes, and Stripe keeps it for 30 days.",
            _named([*TYPES.values()], lambda one: bool(one.events)),
        ),
        Gap(
            "Usage, in these runs",
            "Usage has no objects at Stripe, only sums. A job of its own fetches them, where the stack has it on.",
            (USAGE.name,),
        ),
        Gap("Fields that differ in each answer", "They are links that expire.", hidden),
        Gap(
            "Entries of long embedded lists after those that a list of objects shows",
            "Stripe cuts them short there; an event follows a change in the rest, and the object is then read whole.",
            _named(reconciled, lambda one: bool(one.sublists)),
        ),
        Gap(
            "Fields that only a request for the object itself shows",
            "No list of objects has them; such objects are fetched in each run instead of compared.",
            _named(reconciled, lambda one: bool(one.include_where)),
        ),
    ]


def _of_connected_accounts(scope: Scope, connected: ConnectedAccounts) -> Iterator[Gap]:
    """What a proof of the key's own account lacks of the others."""
    if connected:
        why = f"Runs of their own compare them; --scope {scope}/acct_... proves one account."
        yield Gap("Objects of connected accounts", why)
    if not connected.seen:
        others = f" other than {', '.join(connected.listed)}" if connected else ""
        why = "Stripe's lists show the key's own account; these objects are mirrored by their events only."
        yield Gap(f"Objects of connected accounts{others}", why)


def _named(types: list[ObjectType], concerned: Callable[[ObjectType], bool]) -> tuple[str, ...]:
    return tuple(one.name for one in types if concerned(one))
