"""The usage sweep: what customers have used of the meters that they are billed by, hour by hour.

Stripe tells of usage by no event and shows it by no object, only summed up, for one customer and one meter:
https://docs.stripe.com/api/billing/meter-event-summary/list
"""

from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace

from billing_mirror.core import body as bodies
from billing_mirror.core import items, times
from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import BILLED_BY_USAGE, TYPES, USAGE, ObjectType, Usage
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Gone, Refused, Retryable, Unauthorized
from billing_mirror.core.items import Observation
from billing_mirror.core.place import Place
from billing_mirror.core.run import Drift, Resolution, Run
from billing_mirror.core.subject import Scope, Subject, fill, named

from .observe import walk
from .one_subject import World
from .recorded import recorded
from .round import Round, Watch

HOUR = 3600
STILL_CHANGING = (35 * 24 + 2) * HOUR
"""Seconds into the past for which Stripe takes meter events, and some for adding them up.

https://docs.stripe.com/api/billing/meter-event/create
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A customer and a meter that the customer is billed by."""

    meter: str
    customer: str

    @property
    def name(self) -> str:
        return f"{self.meter}/{self.customer}"

    def subject(self, scope: Scope) -> Subject:
        """What is claimed before the pair's usage is fetched; its hours are stored below it."""
        return Subject(scope, USAGE, self.name, self.name)


async def sweep_usage(run: Run, watch: Watch, *, until: float) -> Run:
    """Goes on with a run over all pairs, for the hours that are over and can still change, until then."""
    return await recorded(run, _sweep_all, watch, until=until)


async def _sweep_all(round_: Round) -> None:
    found = {pair async for pair in _pairs(round_.scope, round_.world)}
    pairs = sorted(found, key=lambda pair: pair.name)
    # Who was done when the run was left, stays done.
    for pair in pairs[bisect_right(pairs, round_.place.owner, key=lambda pair: pair.name) :]:
        await _sweep(pair, round_)
        await round_.save(Place(owner=pair.name))


async def _sweep(pair: Pair, round_: Round) -> None:
    scope, world, counts = round_.scope, round_.world, round_.run.counts
    subject = pair.subject(scope)
    # One claim for all hours: they are fetched together. Time 0: no queue retries this.
    token = await world.mirror.claim(subject, 0.0)
    fetched_at = world.clock.now()
    this_hour = int(fetched_at) // HOUR * HOUR
    query = {
        "customer": pair.customer,
        "start_time": str(this_hour - STILL_CHANGING),
        "end_time": str(this_hour),
        "value_grouping_window": "hour",
    }
    path = fill(USAGE.retrieve, parent=pair.meter)
    listed: dict[str, JsonObject] = {}
    try:
        async for entries in walk(path, query, world.stripe, api=USAGE.api, context=None):
            counts.pages += 1
            listed.update({_hour(subject, entry): entry for entry in entries})
    except Gone:
        return  # the meter or the customer is no more: nothing of it can change
    except Unauthorized:
        raise
    except (Refused, Retryable) as error:
        await round_.decided(Drift(pair.name, Difference.NO_LIST, Resolution.UNRESOLVED, reason=str(error)))
        return
    counts.compared += len(listed)
    seen = Observation(fetched_at, world.stripe.version(USAGE.api), request_id="")
    last = (await world.mirror.heads([subject])).get(subject.key)
    # Who claimed in between and never finished may still write what it saw: then no hour may be passed over.
    undisturbed = last is not None and last.token == token - 1
    counts.written += await _store(subject, token, seen, listed, pair.customer, world, undisturbed=undisturbed)
    await _bury_vanished(subject, token, seen, listed, this_hour, world)
    await world.mirror.put(subject, token, items.look(seen, subject))


def _hour(pair: Subject, entry: JsonObject) -> str:
    return f"{pair.id}/{times.created(entry.get(USAGE.created))}"


async def _store(
    pair: Subject,
    token: int,
    seen: Observation,
    listed: Mapping[str, JsonObject],
    customer: str,
    world: World,
    *,
    undisturbed: bool,
) -> int:
    """Stores the hours that are new or have changed, or all. Answers how many."""
    subjects = {identifier: replace(pair, id=identifier) for identifier in listed}
    heads = await world.mirror.heads(subjects.values())
    written = 0
    for identifier, subject in subjects.items():
        hour = replace(seen, body=listed[identifier], digest=bodies.digest(listed[identifier]))
        head = heads.get(subject.key)
        if undisturbed and head is not None and not head.deleted and head.digest == hour.digest:
            continue
        written += await world.mirror.put(subject, token, items.item(subject, hour, customer))
    return written


async def _bury_vanished(
    pair: Subject, token: int, seen: Observation, listed: Iterable[str], this_hour: int, world: World
) -> None:
    """Hours whose usage was canceled, so that Stripe has no sum for them any more."""
    oldest = f"{pair.id}/{times.iso(this_hour - STILL_CHANGING)}"
    shown = set(listed)
    async for identifier in world.mirror.children(pair.scope, pair.id, USAGE.name):
        if identifier >= oldest and identifier not in shown:
            hour = replace(pair, id=identifier)
            await world.mirror.bury(hour, token, items.tombstone(seen, hour))


async def _pairs(scope: Scope, world: World) -> AsyncIterator[Pair]:
    """Who is billed by usage now, and whose usage is known and can still change: a last hour comes after the end."""
    since = times.iso(world.clock.now() - STILL_CHANGING)
    async for listed in world.mirror.ids(scope, USAGE.name, since=since):
        meter, _, rest = listed.id.partition("/")  # a customer's id that people have chosen may have slashes
        yield Pair(meter, rest.rpartition("/")[0])
    known = _Meters(scope, world)
    for row in BILLED_BY_USAGE:
        for status in row.usage.statuses if row.usage else ():
            async for listed in world.mirror.ids(scope, row.name, status=status):
                subject = named(scope, row.name, listed.id)
                head = (await world.mirror.heads([subject])).get(subject.key)
                body = await world.mirror.body(subject)
                if head is not None and head.customer and body is not None:
                    for meter in await known.of(row, body):
                        yield Pair(meter, head.customer)


@dataclass
class _Meters:
    """The meters that an object's customer is billed by; those of a rate card's version are looked up once."""

    scope: Scope
    world: World
    of_owner: dict[str, set[str]] = field(default_factory=dict)

    async def of(self, row: ObjectType, body: JsonObject) -> set[str]:
        usage = row.usage
        if usage is None:
            return set()
        if usage.by is None:
            return bodies.texts_at(body, usage.meters)
        found: set[str] = set()
        for owner in bodies.texts_at(body, usage.by.path):
            if owner not in self.of_owner:
                self.of_owner[owner] = await self._of_members(Subject(self.scope, TYPES[usage.by.type], owner), usage)
            found |= self.of_owner[owner]
        return found

    async def _of_members(self, owner: Subject, usage: Usage) -> set[str]:
        head = (await self.world.mirror.heads([owner])).get(owner.key)
        found: set[str] = set()
        for type_name, members in (head.members if head else {}).items():
            for member in members:
                # Removed ones too: by their last known bodies.
                body = await self.world.mirror.body(Subject(self.scope, TYPES[type_name], member))
                found |= bodies.texts_at(body, usage.meters) if body else set()
        return found
