"""The usage sweep: what customers have used of the meters that they are billed by, hour by hour.

Stripe tells of usage by no event and shows it by no object, only summed up, for one customer and one meter:
https://docs.stripe.com/api/billing/meter-event-summary/list
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from billing_mirror.core import items, times
from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import USAGE
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Gone, Refused, Retryable, Unauthorized
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Subject, fill
from billing_mirror.core.run import Drift, Resolution, Run
from billing_mirror.reconcile.dependencies import Watch
from billing_mirror.reconcile.runs.active_run import Round
from billing_mirror.reconcile.runs.lifecycle import recorded
from billing_mirror.refresh.apply import World
from billing_mirror.refresh.fetch import walk

from .pairs import HOUR, STILL_CHANGING, Pair, keep, pairs_after, write_down

LOOKING = Place(counted=True)
"""The place after all pairs were written down."""
MOST_PAGES_OF_A_PAIR = 20
"""The hours that can change fill nine: a list with more does not end."""


async def sweep_usage(run: Run, watch: Watch, *, until: float) -> Run:
    """Goes on with a run over all pairs, for the hours that are over and can still change, until then."""
    return await recorded(run, _sweep_all, watch, until=until)


async def _sweep_all(round_: Round) -> None:
    if not round_.place.counted:
        await write_down(round_)
        await round_.save(LOOKING)
    async for pair in pairs_after(round_.place.owner, round_):
        await _sweep(pair, round_)
        await round_.save(replace(LOOKING, owner=pair.place))


async def _sweep(pair: Pair, round_: Round) -> None:
    scope, world, counts = round_.scope, round_.world, round_.run.counts
    subject = pair.subject(scope)
    # One claim for all hours: they are fetched together. Time 0: no queue retries this.
    token = await world.mirror.claim(subject, 0.0)
    fetched_at = world.clock.now()
    this_hour = int(fetched_at) // HOUR * HOUR
    try:
        listed = await _hours(pair, this_hour, round_)
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
    until = max((_changing_until(entry) for entry in listed.values()), default=0)
    if until > pair.until:
        await keep(replace(pair, until=until), round_)


async def _hours(pair: Pair, this_hour: int, round_: Round) -> dict[str, JsonObject]:
    """What Stripe shows of the hours that are over and can still change, by id. Raises ``Refused`` at too many."""
    query = {
        "customer": pair.customer,
        "start_time": str(this_hour - STILL_CHANGING),
        "end_time": str(this_hour),
        "value_grouping_window": "hour",
    }
    path, subject = fill(USAGE.retrieve, parent=pair.meter), pair.subject(round_.scope)
    listed: dict[str, JsonObject] = {}
    left = MOST_PAGES_OF_A_PAIR
    async for entries in walk(path, query, round_.world.stripe, api=USAGE.api, context=None):
        round_.run.counts.pages += 1
        left -= 1
        if left < 0:
            raise Refused("the list does not come to an end")
        listed.update({_hour(subject, entry): entry for entry in entries})
    return listed


def _hour(pair: Subject, entry: JsonObject) -> str:
    return f"{pair.id}/{times.created(entry.get(USAGE.created))}"


def _changing_until(hour: JsonObject) -> int:
    return int(times.seconds(times.created(hour.get(USAGE.created)))) + HOUR + STILL_CHANGING


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
