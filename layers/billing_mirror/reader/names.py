"""Whether a name that found nothing is a mistake: of a type, of a status, or of a scope.

Nothing here costs a request unless a result is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from ..core import catalog
from ..core.runs.schedule import RECOVER
from ..core.stripe_api.account import PIN_PARTITION, PIN_SORT_KEY
from .errors import EmptyScope, UnknownStatus, UnknownType
from .table import ScopedTable

MODES = ("live", "test")


class Names:
    """The names that one scope of the table knows. What is confirmed once is remembered."""

    def __init__(self, table: ScopedTable) -> None:
        self._table = table
        self._confirmed: set[str] = set()
        self._has_scope = False

    def check_type(self, name: str) -> None:
        """Raises :class:`UnknownType` for a name outside the catalog of which the table holds no object."""
        if name in catalog.TYPES or name in self._confirmed:
            return
        if not self._table.indexed("by-type", 1, None, {"type": name}).items:
            raise UnknownType(
                f"no object of the type {name!r} is mirrored, and the catalog has no such type{_instead(name)}"
            )
        self._confirmed.add(name)

    def check_scope(self) -> None:
        """Raises :class:`EmptyScope` where a key of the other mode has filled the table, and none of this mode.

        That a connected account alone holds nothing cannot be seen in one request.
        """
        if self._has_scope:
            return
        mode = self._table.scope.partition("/")[0]
        pins = self._table.items([f"{one}#{PIN_PARTITION}" for one in MODES], PIN_SORT_KEY)
        self._has_scope = f"{mode}#{PIN_PARTITION}" in pins
        other = next((one for one in MODES if one != mode and f"{one}#{PIN_PARTITION}" in pins), None)
        if other is not None and not self._has_scope:
            raise EmptyScope(
                f"the table holds nothing in the scope {self._table.scope!r}: the stack's Stripe key is a {other} key, "
                f"so its scope is {other!r}"
            )


def canonical(name: str) -> str:
    """The name by which the table knows a type that Stripe's documentation calls differently."""
    object_type = catalog.find_type(name)
    return object_type.name if object_type else name


def check_run_name(name: str) -> None:
    """Raises :class:`UnknownType` for what reconcile never runs over."""
    if name != RECOVER and name not in catalog.TYPES:
        raise UnknownType(f"reconcile has no runs over {name!r}: it runs over {RECOVER!r} and types{_instead(name)}")


def check_status(name: str, status: str, *, collection: bool = False) -> None:
    """Raises :class:`UnknownStatus` for a status that Stripe documents for no object of this type."""
    object_type = catalog.TYPES.get(name)
    if object_type is None:
        return
    kind = "collection status" if collection else "status"
    known = object_type.collection_statuses if collection else object_type.statuses
    if not known and not (object_type.collection_status if collection else object_type.status):
        raise UnknownStatus(f"objects of the type {name!r} have no {kind}{_with_status(collection=collection)}")
    if known and status not in known:
        instead = _did_you_mean(status, {one: one for one in known})
        raise UnknownStatus(f"no {name} has the {kind} {status!r}: Stripe knows {_listed(known)}{instead}")


def _with_status(*, collection: bool) -> str:
    if not collection:
        return ""
    return f"; these have: {_listed(one.name for one in catalog.TYPES.values() if one.collection_status)}"


def _instead(name: str) -> str:
    names = {known: one.name for one in catalog.TYPES.values() for known in (one.name, *one.aliases)}
    return _did_you_mean(name, names) or "; docs/reading.md lists the types"


def _did_you_mean(name: str, known: Mapping[str, str]) -> str:
    """The closest of the known spellings, as the name that it stands for; the last word of a dotted one counts, too."""
    spelled = {spelling.rpartition(".")[2]: meant for spelling, meant in known.items()} | dict(known)
    close = get_close_matches(name.lower(), spelled, n=1)
    return f"; did you mean {spelled[close[0]]!r}?" if close else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
