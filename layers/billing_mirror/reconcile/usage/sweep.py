"""The usage sweep: what customers have used of the meters that they are billed by, hour by hour.

Stripe tells of usage by no event and shows it by no object, only summed up, for one customer and one meter:
https://docs.stripe.com/api/billing/meter-event-summary/list
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from billing_mirror.core import items, json_body, times
from billing_mirror.core.catalog import USAGE
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import NotFound, PermanentError, TransientError, Unauthorized
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, fill_template
from billing_mirror.core.run import Drift, Resolution, Run
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.runs.active_run import ActiveRun
from billing_mirror.reconcile.runs.lifecycle import execute
from billing_mirror.refresh.fetch import list_pages

from .pairs import HOUR, STILL_CHANGING, UsagePair, pairs_after, record_pairs, store_pair

LOOKING = Place(counted=True)
"""The place after all pairs were written down."""
MOST_PAGES_OF_A_PAIR = 20
"""The hours that can change fill nine: a list with more does not end."""


async def sweep_usage(run: Run, dependencies: ReconcileDependencies, *, until: float) -> Run:
    """Goes on with a run over all pairs, for the hours that are over and can still change, until then."""
    return await execute(run, _sweep_all, dependencies, until=until)


async def _sweep_all(round_: ActiveRun) -> None:
    if not round_.place.counted:
        await record_pairs(round_)
        await round_.save(LOOKING)
    async for pair in pairs_after(round_.place.owner, round_):
        await _sweep(pair, round_)
        await round_.save(replace(LOOKING, owner=pair.sort_key))


async def _sweep(pair: UsagePair, round_: ActiveRun) -> None:
    scope, ports, counts = round_.scope, round_.ports, round_.run.counts
    ref = pair.ref(scope)
    # One claim for all hours: they are fetched together. Time 0: no queue retries this.
    token = await ports.mirror.claim(ref, 0.0)
    fetched_at = ports.clock.now()
    this_hour = int(fetched_at) // HOUR * HOUR
    try:
        listed = await _hours(pair, this_hour, round_)
    except NotFound:
        return  # the meter or the customer is no more: nothing of it can change
    except Unauthorized:
        raise
    except (PermanentError, TransientError) as error:
        await round_.decided(Drift(pair.name, Difference.NO_LIST, Resolution.UNRESOLVED, reason=str(error)))
        return
    counts.compared += len(listed)
    seen = Observation(fetched_at, ports.stripe.version(USAGE.api), request_id="")
    last = (await ports.mirror.heads([ref])).get(ref.key)
    # Who claimed in between and never finished may still write what it saw: then no hour may be passed over.
    undisturbed = last is not None and last.token == token - 1
    counts.written += await _store(ref, token, seen, listed, pair.customer, ports, undisturbed=undisturbed)
    await _remove_vanished(ref, token, seen, listed, this_hour, ports)
    await ports.mirror.put(ref, token, items.marker(seen, ref))
    until = max((_changing_until(entry) for entry in listed.values()), default=0)
    if until > pair.until:
        await store_pair(replace(pair, until=until), round_)


async def _hours(pair: UsagePair, this_hour: int, round_: ActiveRun) -> dict[str, JsonObject]:
    """What Stripe shows of the hours that are over and can still change, by id. Raises ``Refused`` at too many."""
    query = {
        "customer": pair.customer,
        "start_time": str(this_hour - STILL_CHANGING),
        "end_time": str(this_hour),
        "value_grouping_window": "hour",
    }
    path, ref = fill_template(USAGE.retrieve, parent=pair.meter), pair.ref(round_.scope)
    listed: dict[str, JsonObject] = {}
    left = MOST_PAGES_OF_A_PAIR
    async for entries in list_pages(path, query, round_.ports.stripe, api=USAGE.api, context=None):
        round_.run.counts.pages += 1
        left -= 1
        if left < 0:
            raise PermanentError("the list does not come to an end")
        listed.update({_hour(ref, entry): entry for entry in entries})
    return listed


def _hour(pair: ObjectRef, entry: JsonObject) -> str:
    return f"{pair.id}/{times.created(entry.get(USAGE.created))}"


def _changing_until(hour: JsonObject) -> int:
    return int(times.seconds(times.created(hour.get(USAGE.created)))) + HOUR + STILL_CHANGING


async def _store(
    pair: ObjectRef,
    token: int,
    seen: Observation,
    listed: Mapping[str, JsonObject],
    customer: str,
    ports: Ports,
    *,
    undisturbed: bool,
) -> int:
    """Stores the hours that are new or have changed, or all. Answers how many."""
    refs = {identifier: replace(pair, id=identifier) for identifier in listed}
    heads = await ports.mirror.heads(refs.values())
    written = 0
    for identifier, ref in refs.items():
        hour = replace(seen, body=listed[identifier], digest=json_body.digest(listed[identifier]))
        head = heads.get(ref.key)
        if undisturbed and head is not None and not head.deleted and head.digest == hour.digest:
            continue
        written += await ports.mirror.put(ref, token, items.item(ref, hour, customer))
    return written


async def _remove_vanished(
    pair: ObjectRef, token: int, seen: Observation, listed: Iterable[str], this_hour: int, ports: Ports
) -> None:
    """Hours whose usage was canceled, so that Stripe has no sum for them any more."""
    oldest = f"{pair.id}/{times.iso(this_hour - STILL_CHANGING)}"
    shown = set(listed)
    async for identifier in ports.mirror.children(pair.scope, pair.id, USAGE.name):
        if identifier >= oldest and identifier not in shown:
            hour = replace(pair, id=identifier)
            await ports.mirror.put_tombstone(hour, token, items.tombstone(seen, hour))
