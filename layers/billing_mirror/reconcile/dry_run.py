"""A dry run: the same flows, on a table and a queue that take everything and keep nothing."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace

from billing_mirror.core.items import Item
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import Claim, Head
from billing_mirror.core.object_ref import Scope, Subject
from billing_mirror.ports import Journal, Listed, Mirror

from .dependencies import Watch
from .usage.pairs import kept


def found_dry(watch: Watch, type_name: str) -> list[Item]:
    """The evidence of a dry run, of which nothing else tells."""
    journal = watch.journal
    return (
        [*journal.books.get(f"{watch.scope}#drift:{type_name}", {}).values()]
        if isinstance(journal, _DryJournal)
        else []
    )


def dry(watch: Watch) -> Watch:
    """The same watch, which reads and changes nothing. Only the lease is real: the budget of requests is one."""
    world = replace(watch.world, mirror=_DryMirror(watch.world.mirror), queue=_DryQueue())
    return replace(watch, world=world, journal=_DryJournal(watch.journal))


@dataclass(frozen=True, slots=True)
class _DryMirror:
    """Implements ``ports.Mirror``: reads the real one."""

    mirror: Mirror

    async def heads(self, subjects: Iterable[Subject]) -> Mapping[str, Head]:
        return await self.mirror.heads(subjects)

    async def claims(self, subjects: Iterable[Subject]) -> Mapping[str, Claim]:
        return await self.mirror.claims(subjects)

    async def claim(self, subject: Subject, now: float) -> int:  # noqa: ARG002 - part of the port
        last = (await self.mirror.claims([subject])).get(subject.key)
        return last.claimed + 1 if last else 1

    async def put(self, subject: Subject, token: int, item: Item) -> bool:  # noqa: ARG002 - part of the port
        return True

    async def bury(self, subject: Subject, token: int, tombstone: Item) -> bool:  # noqa: ARG002 - part of the port
        return True

    def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        return self.mirror.children(scope, parent, type_name)

    def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[Listed]:
        return self.mirror.ids(scope, type_name, status=status, since=since)

    async def body(self, subject: Subject) -> JsonObject | None:
        return await self.mirror.body(subject)


class _DryQueue:
    """Implements ``ports.Queue``."""

    async def send(self, body: str, *, group: str, delay: int = 0) -> None: ...

    async def quarantine(self, body: str, *, reason: str) -> None: ...

    async def postpone(self, receipt: str, seconds: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _DryJournal:
    """Implements ``ports.Journal``: what is written lasts as long as the run, and nobody else writes."""

    journal: Journal
    books: dict[str, dict[str, Item]] = field(default_factory=dict)

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        return await self.journal.lease(scope, owner, now=now, until=until)

    async def release(self, scope: Scope, owner: str) -> None:
        await self.journal.release(scope, owner)

    async def write(
        self,
        scope: Scope,
        book: str,
        place: str,
        entry: Item,
        *,
        new: bool = False,  # noqa: ARG002 - part of the port
        over: Item | None = None,  # noqa: ARG002 - part of the port
    ) -> bool:
        self.books.setdefault(f"{scope}#{book}", {})[place] = entry
        return True

    async def last(self, scope: Scope, book: str, start: str = "") -> Item | None:
        places = [place for place in self.books.get(f"{scope}#{book}", {}) if place.startswith(start)]
        return self.books[f"{scope}#{book}"][max(places)] if places else None

    async def entries(self, scope: Scope, book: str, start: str = "") -> AsyncIterator[Item]:
        for place, entry in sorted(self.books.get(f"{scope}#{book}", {}).items()):
            if place.startswith(start):
                yield entry

    async def after(self, scope: Scope, book: str, place: str) -> AsyncIterator[Item]:
        """Those that are really kept too: who was billed by usage, nothing else tells. Pairs tell their own places."""
        real = {kept(entry).place: entry async for entry in self.journal.after(scope, book, place)}
        own = {at: entry for at, entry in self.books.get(f"{scope}#{book}", {}).items() if at > place}
        for _, entry in sorted((real | own).items()):
            yield entry
