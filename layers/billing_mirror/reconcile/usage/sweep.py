"""The usage sweep: the usage of customers by meter and hour.

Stripe sends no event for usage and has no object for it, only sums for one customer and one meter:
https://docs.stripe.com/api/billing/meter-event-summary/list
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import USAGE
from billing_mirror.core.errors import NotFound, PermanentError, TransientError, Unauthorized
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, fill_template
from billing_mirror.core.runs.checkpoints import UsageCheckpoint
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Drift, Resolution
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.ports import Ports
from billing_mirror.reconcile.runs.active_run import ActiveRun
from billing_mirror.refresh.claims import take_claim
from billing_mirror.refresh.fetch import list_pages
from billing_mirror.refresh.repeated_write import is_stored

from .pairs import HOUR, STILL_CHANGING, UsagePair, pairs_after, record_pairs, store_pair

PAIRS_RECORDED = UsageCheckpoint(pairs_recorded=True)
MAX_PAGES_PER_PAIR = 20
"""Changeable hours fill nine pages; more than 20 means a broken list."""


async def sweep_usage(run: ActiveRun) -> None:
    """Fetches, for all pairs, the usage of the hours that are over and can still change."""
    if not run.checkpoints.latest(UsageCheckpoint).pairs_recorded:
        await record_pairs(run)
        await run.save(PAIRS_RECORDED)
    async for pair in pairs_after(run.checkpoints.latest(UsageCheckpoint).pair, run):
        await _sweep(pair, run)
        await run.save(replace(PAIRS_RECORDED, pair=pair.sort_key))


async def _sweep(pair: UsagePair, run: ActiveRun) -> None:
    scope, ports = run.scope, run.ports
    ref = pair.ref(scope)
    # One claim for all hours: they are fetched together. Time 0: no queue retries this fetch.
    last = (await ports.mirror.heads([ref])).get(ref.key)
    token, _ = await take_claim(ports.mirror, ref, claimed_at=0.0, head=last)
    fetched_at = ports.clock.now()
    this_hour = int(fetched_at) // HOUR * HOUR
    try:
        listed = await _hours(pair, this_hour, run)
    except NotFound:
        return  # the meter or the customer does not exist any more: their usage cannot change
    except Unauthorized:
        raise
    except (PermanentError, TransientError) as error:
        await run.record_drift(Drift(pair.name, Difference.NO_LIST, Resolution.UNRESOLVED, reason=str(error)))
        return
    run.count(Counts(compared=len(listed)))
    observation = Observation(fetched_at, ports.stripe.version(USAGE.api), request_id="")
    # A claim in between that never finished may still write what it fetched: then no hour may be skipped.
    undisturbed = last is not None and last.token == token - 1
    written = await _store(ref, token, observation, listed, pair.customer, ports, undisturbed=undisturbed)
    run.count(Counts(written=written))
    await _remove_vanished(ref, token, observation, listed, this_hour, ports)
    await ports.mirror.put(ref, token, items.marker(observation, ref))
    until = max((_changing_until(entry) for entry in listed.values()), default=0)
    if until > pair.until:
        await store_pair(replace(pair, until=until), run)


async def _hours(pair: UsagePair, this_hour: int, run: ActiveRun) -> dict[str, JsonObject]:
    """The hours that are over and can still change, by id. Raises ``PermanentError`` where the list has no end."""
    query = {
        "customer": pair.customer,
        "start_time": str(this_hour - STILL_CHANGING),
        "end_time": str(this_hour),
        "value_grouping_window": "hour",
    }
    path, ref = fill_template(USAGE.retrieve, parent=pair.meter), pair.ref(run.scope)
    listed: dict[str, JsonObject] = {}
    left = MAX_PAGES_PER_PAIR
    async for entries in list_pages(path, query, run.ports.stripe, api=USAGE.api, context=None):
        run.count(Counts(pages=1))
        left -= 1
        if left < 0:
            raise PermanentError("the list of hours does not end")
        listed.update({_hour(ref, entry): entry for entry in entries})
    return listed


def _hour(pair: ObjectRef, entry: JsonObject) -> str:
    return f"{pair.id}/{times.created(entry.get(USAGE.created))}"


def _changing_until(hour: JsonObject) -> int:
    return int(times.seconds(times.created(hour.get(USAGE.created)))) + HOUR + STILL_CHANGING


async def _store(
    pair: ObjectRef,
    token: int,
    observation: Observation,
    listed: Mapping[str, JsonObject],
    customer: str,
    ports: Ports,
    *,
    undisturbed: bool,
) -> int:
    """Stores the hours that are new or have changed, or all unless ``undisturbed``. Returns how many it stored."""
    refs = {identifier: replace(pair, id=identifier) for identifier in listed}
    heads = await ports.mirror.heads(refs.values())
    written = 0
    for identifier, ref in refs.items():
        hour = replace(observation, body=listed[identifier], digest=json_body.digest(listed[identifier]))
        head = heads.get(ref.key)
        if undisturbed and head is not None and not head.deleted and head.digest == hour.digest:
            continue
        item = items.item(ref, hour, customer)
        written += await ports.mirror.put(ref, token, item) or await is_stored(ports.mirror, ref, token, item)
    return written


async def _remove_vanished(
    pair: ObjectRef, token: int, observation: Observation, listed: Iterable[str], this_hour: int, ports: Ports
) -> None:
    """Puts tombstones for hours whose usage was canceled: Stripe has no sum for them any more."""
    oldest = f"{pair.id}/{times.iso(this_hour - STILL_CHANGING)}"
    shown = set(listed)
    async for identifier in ports.mirror.children(pair.scope, pair.id, USAGE.name):
        if identifier >= oldest and identifier not in shown:
            hour = replace(pair, id=identifier)
            await ports.mirror.put_tombstone(hour, token, items.tombstone(observation, hour))
