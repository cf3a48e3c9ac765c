"""Lists of the table: read to their end by iterating, or page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..adapters.table.attributes import Attributes, from_attributes, to_attributes
from ..adapters.table.batch_get import MAX_KEYS
from ..core import json_body
from .errors import ReaderError

T = TypeVar("T")

MAX_PAGE = MAX_KEYS
"""Entries of a page, at most and by default."""
FOREIGN_CURSOR = "the cursor does not come from this reader"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some entries of a list, newest first. ``cursor`` is None on the last page."""

    items: list[T]
    cursor: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


class Results(Generic[T]):
    """A list, newest first, that nothing has read yet.

    Iterating reads it to its end, page by page, and again each time. Only what a page needs is in memory.
    """

    def __init__(self, read: Callable[[int, str | None], Page[T]], check: Callable[[], None]) -> None:
        """``check`` is called where the whole list is empty, and may raise."""
        self._read = read
        self._check = check

    def __iter__(self) -> Iterator[T]:
        cursor: str | None = None
        while True:
            page = self.page(cursor=cursor)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def page(self, *, limit: int = MAX_PAGE, cursor: str | None = None) -> Page[T]:
        """The first page, or the one after the page with this cursor.

        It has at most ``limit`` entries, and never more than 100. It can have fewer, even none, and still have a
        cursor. Raises :class:`ReaderError` for a limit below 1 and for a cursor of another list.
        """
        if limit < 1:
            raise ReaderError(f"a page of {limit} entries is none; the limit is 1 to {MAX_PAGE}")
        page = self._read(min(limit, MAX_PAGE), cursor)
        if not page.items and cursor is None and page.cursor is None:
            self._check()
        return page

    def first(self) -> T | None:
        """The newest entry; None where the list is empty."""
        page = self.page(limit=1)
        while not page.items and page.cursor is not None:
            page = self.page(limit=1, cursor=page.cursor)
        return next(iter(page), None)


def to_cursor(key: Attributes) -> str:
    """A key of an index as text."""
    plain = {name: str(value) for name, value in from_attributes(key).items()}
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode()


def from_cursor(cursor: str) -> Attributes:
    """What :func:`to_cursor` has written. Raises :class:`ReaderError` for other text."""
    try:
        key = json_body.parse(base64.urlsafe_b64decode(cursor).decode("utf-8"))
    except ValueError as error:  # of base64, UTF-8 or JSON
        raise ReaderError(FOREIGN_CURSOR) from error
    return to_attributes({name: str(value) for name, value in key.items()})
