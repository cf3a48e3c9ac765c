"""Mutants of the check of what is stored."""

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.stored import StoredObject, _wrong_digests, wrong_columns
from billing_mirror.reconcile.jobs.repair import _Fetched, _store
from billing_mirror.reconcile.runs.active_run import ActiveRun

from .registry import mutant, replaces

OF_THE_BODY = frozenset({"data", "digest", "body_digest"})


@mutant("a deep verify compares no columns", quick=True)
@replaces(wrong_columns)
def compares_bodies_only(ref: ObjectRef, stored: StoredObject, customer: str | None) -> tuple[str, ...]:
    return tuple(name for name in wrong_columns(ref, stored, customer) if name in OF_THE_BODY)


@mutant("a deep verify trusts the digest that is stored", quick=True)
@replaces(_wrong_digests)
def trusts_the_stored_digest(ref: ObjectRef, columns: Item, body: JsonObject) -> tuple[str, ...]:
    return ()


@mutant("a repair writes nothing where Stripe's digest is that of the head", quick=True)
@replaces(_store)
async def keeps_equal_heads(fetched: _Fetched, run: ActiveRun) -> Outcome:
    if fetched.head is not None and fetched.head.digest == fetched.observation.digest:
        return Outcome.UNCHANGED
    return await _store(fetched, run)
