"""A round: a run of reconcile that is being worked on, and how its place and its evidence are kept.

After every page an entry says where the run goes on, what it has counted, and which ids the page showed. Entries are
only ever added: of two that work on one run by mistake, the second one to keep a page finds it kept, and stops.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from billing_mirror.core.checkpoints import Place, place
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import PermanentError, RunConflict
from billing_mirror.core.fingerprints import Fingerprints, fingerprint, pack
from billing_mirror.core.items import Item
from billing_mirror.core.run import Counts, Drift, Resolution, Run, counts, drift
from billing_mirror.core.schedule import DAY
from billing_mirror.reconcile.dependencies import LEASED_FOR, ReconcileDependencies
from billing_mirror.refresh.retrying import RetryingStripe

PAGES_KEPT_FOR = 30 * DAY
"""Seconds for which the places of a run are kept: it should have ended long before."""
MOST_SHOWN = 20_000
"""Ids whose fingerprints one entry holds: they fit into an item many times."""
LONGEST_ID = 900
"""Bytes of an id that is part of a place; ids that people have chosen may be longer."""
MOST_RESTARTS = 10
"""Times that lists of a run are read from their beginning again, and once more for each hundred pages."""
MOST_PAGES = 1_000_000
"""Pages of a run: a list with more does not end."""


def in_a_place(identifier: str) -> str:
    """An id as a part of a place."""
    short = len(identifier.encode("utf-8", "replace")) <= LONGEST_ID
    return identifier if short else fingerprint(identifier).hex()


def require_an_end(what: str, counts: Counts) -> None:
    """Raises ``Refused`` where lists do not seem to have one."""
    if counts.restarts > MOST_RESTARTS + counts.pages // 100 or counts.pages > MOST_PAGES:
        raise PermanentError(f"{what} do not come to an end")


class ActiveRun:
    """``place`` is where the run goes on; ``looked_at`` are the keys of the objects that were fetched this time.

    ``half_done`` says that a tick may have been stopped amid the page that comes next, and ``began_at`` when this one
    took up the run (seconds since 1970).
    """

    def __init__(self, run: Run, dependencies: ReconcileDependencies) -> None:
        self.run = run
        self._watch = dependencies
        self.scope = dependencies.scope
        self.state_store = dependencies.state_store
        self.place = Place()
        self.looked_at: set[str] = set()
        self._stripe = RetryingStripe(dependencies.ports.stripe, dependencies.ports.clock)
        self.ports = replace(dependencies.ports, stripe=self._stripe)
        self._page = 0
        self.half_done = False
        self._shown_before: Fingerprints | None = None
        self._saved = replace(run.counts)
        self.began_at = self._leased_at = self.ports.clock.now()
        self._before = replace(run.counts)

    async def go_on(self) -> None:
        """Takes up the run where its last page was kept."""
        self.half_done = True
        last = await self.state_store.last(self.scope, self._pages, self.run.name)
        if last is not None:
            self._page = int(str(last["page"]))
            self.place = place(last.get("place"))
            spent, asked = self.run.counts.milliseconds, self.run.counts.stripe_calls
            self.run.counts = counts(last)
            # What the page does not know of: the work after it that the end of a tick has cut off.
            self.run.counts.milliseconds = max(spent, self.run.counts.milliseconds)
            self.run.counts.stripe_calls = max(asked, self.run.counts.stripe_calls)
        self._before = replace(self.run.counts)
        self._saved = replace(self.run.counts)

    async def save(self, place: Place, shown: Sequence[str] = ()) -> None:
        """Keeps where the run goes on, and the ids that were shown. Raises ``Overtaken``."""
        more = len(shown) - MOST_SHOWN
        for start in range(0, max(0, more), MOST_SHOWN):
            await self._keep(self.place, self._saved, shown[start : start + MOST_SHOWN])
        self.measure()
        await self._keep(place, self.run.counts, shown[-MOST_SHOWN:])
        self.place = place
        self.half_done = False
        self._saved = replace(self.run.counts)
        await self.prolong()

    async def _keep(self, place: Place, counts: Counts, shown: Sequence[str]) -> None:
        self._page += 1
        entry: Item = {
            "page": self._page,
            "place": place.entry(),
            "shown": pack(shown),
            **counts.columns(),
            "expires_at": int(self.ports.clock.now() + PAGES_KEPT_FOR),
        }
        at = f"{self.run.name}#{self._page:08}"
        if not await self._watch.keep(self._pages, at, entry, if_absent=True):
            raise RunConflict("another tick goes on with this run")

    def cut_off(self) -> None:
        """Forgets what was counted since the last page was kept: it will be counted again."""
        self.run.counts = replace(self._saved)

    async def prolong(self) -> None:
        """Keeps the lease while there is work. Raises ``Overtaken``."""
        now = self.ports.clock.now()
        if now - self._leased_at > LEASED_FOR / 5:
            if not await self._watch.lease():
                raise RunConflict("another tick holds the lease")
            self._leased_at = now

    async def shown(self) -> Fingerprints:
        """The ids that the lists have shown in the whole run."""
        found = Fingerprints()
        async for entry in self.state_store.entries(self.scope, self._pages, self.run.name):
            several = entry.get("shown")
            if isinstance(several, bytes):
                found.add(several)
        return found

    async def begin_again(self) -> None:
        """Remembers what the pages that are kept have shown, for their list is read from its beginning again."""
        self._shown_before = await self.shown()

    def may_be_uncounted(self, identifier: str) -> bool:
        """Whether what a stopped tick did to an object may not be counted: no page that shows it was kept."""
        return self.half_done if self._shown_before is None else identifier not in self._shown_before

    async def note(self, drift: Drift) -> None:
        """Keeps the evidence of a suspicion, instead of what was noted of it before."""
        if drift.resolution is Resolution.FALSE_ALARM:
            before = await self.noted(drift.id)
            if before is not None and before.resolution is Resolution.REPAIRED:
                return  # what was confirmed once, no list that lags can take back
        entry = drift.to_item(self.run, self.ports.clock.now())
        await self.state_store.write(self.scope, self._evidence, self._at(drift.id), entry)

    async def has_notes(self) -> bool:
        """Whether the run has noted any suspicion: one question, which spares one for each object of a page."""
        return await self.state_store.last(self.scope, self._evidence, self.run.name) is not None

    async def noted(self, identifier: str) -> Drift | None:
        """What the run has noted of a suspicion."""
        at = self._at(identifier)
        async for entry in self.state_store.entries(self.scope, self._evidence, at):
            found = drift(entry)  # the first one: others have longer ids
            return found if found.id == identifier else None
        return None

    async def decided(self, drift: Drift) -> None:
        """Notes how a suspicion ended, and counts it."""
        await self.note(drift)
        self.run.counts.add(drift)
        await self.prolong()

    async def unreadable(self, owner: str, reason: str) -> None:
        """Notes a list that could not be read."""
        self.run.counts.lists_unreadable += 1
        await self.decided(Drift(owner, Difference.NO_LIST, Resolution.UNRESOLVED, reason=reason))

    async def recount(self) -> None:
        """Counts the decisions by their evidence, whatever became of the ticks that made them."""
        self.run.counts.reset_decisions()
        async for one in self.drifts():
            self.run.counts.add(one)

    async def drifts(self) -> AsyncIterator[Drift]:
        """The evidence of the run so far."""
        async for entry in self.state_store.entries(self.scope, self._evidence, self.run.name):
            yield drift(entry)

    async def record(self) -> None:
        """Keeps the run's record, where it is still as it was when this was begun. Raises ``Overtaken``."""
        self.measure()
        if not await self._watch.record(self.run):
            raise RunConflict("the run's record was replaced meanwhile")

    def measure(self) -> None:
        """Adds up the requests and the time that the run has taken."""
        self.run.counts.stripe_calls = self._before.stripe_calls + self._stripe.asked
        spent = self.ports.clock.now() - self.began_at
        self.run.counts.milliseconds = self._before.milliseconds + int(spent * 1000)

    def _at(self, identifier: str) -> str:
        """The place of the evidence of an object."""
        return f"{self.run.name}#{in_a_place(identifier)}"

    @property
    def _pages(self) -> str:
        return f"pages:{self.run.type}"

    @property
    def _evidence(self) -> str:
        return f"drift:{self.run.type}"
