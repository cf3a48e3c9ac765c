"""Where a walk over the lists of a type is: small enough to be kept after every page."""

from collections.abc import Mapping
from dataclasses import dataclass

from .items import Value
from .json_body import JsonObject


@dataclass(frozen=True, slots=True)
class Place:
    """The next thing to read. The first place is ``Place()``.

    ``listing`` is the number of the type's listing, ``filter`` that of one of its filters for hidden objects (0 is the
    plain list) and ``url`` the next page, or empty for the first one. ``first`` is the id with which the list began,
    ``shown`` are the filters that need not be asked for. Where each owner has a list, ``owner`` is the last one whose
    list was read, with ``created``, when it was made. ``counted`` says that all lists were read: then these two are the
    last mirrored object that was looked for in them.

    In the usage sweep ``listing`` is the number of a slice of the subscriptions, and ``counted`` says that all pairs
    are written down: then ``owner`` is the place of the last pair's entry.
    """

    listing: int = 0
    filter: int = 0
    url: str = ""
    first: str = ""
    shown: tuple[int, ...] = ()
    owner: str = ""
    created: str = ""
    counted: bool = False

    def entry(self) -> JsonObject:
        """As it is kept."""
        return {
            "listing": self.listing,
            "filter": self.filter,
            "url": self.url,
            "first": self.first,
            "shown": [*self.shown],
            "owner": self.owner,
            "created": self.created,
            "counted": self.counted,
        }


def place(value: Value) -> Place:
    """What :meth:`Place.entry` has written."""
    if not isinstance(value, Mapping):
        return Place()
    shown = value.get("shown")
    return Place(
        listing=_number(value, "listing"),
        filter=_number(value, "filter"),
        url=str(value.get("url", "")),
        first=str(value.get("first", "")),
        shown=tuple(number for number in shown if isinstance(number, int)) if isinstance(shown, list) else (),
        owner=str(value.get("owner", "")),
        created=str(value.get("created", "")),
        counted=value.get("counted") is True,
    )


def _number(value: Mapping[str, Value], name: str) -> int:
    number = value.get(name)
    return number if isinstance(number, int) else 0
