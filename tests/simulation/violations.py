"""Finds what differs from Stripe, or is lost, at the end of a schedule."""

from collections.abc import Iterator, Mapping

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, partition_key
from billing_mirror.core.table.items import INDEX_COLUMNS, Item
from billing_mirror.core.table.unstorable import UnstorableNote

from .environment import Environment
from .stripe import UNSTORABLE, StripeObject, as_listed

RATE, VERSION, SUBSCRIPTION = (
    f"v2.billing.{name}" for name in ("rate_card_rate", "rate_card_version", "rate_card_subscription")
)
PARENTS = {RATE: "rate_card", VERSION: "rate_card_id", SUBSCRIPTION: "rate_card"}
"""By type, the member of the body that names the parent."""


def find_violations(environment: Environment, *, losing: bool) -> dict[str, list[str]]:
    """The names of wrong objects and messages, by kind of violation."""
    found: dict[str, list[str]] = {}
    for problem, name in (*_wrong_objects(environment, losing=losing), *_wrong_messages(environment, losing=losing)):
        found.setdefault(problem, []).append(name)
    return found


def _wrong_objects(environment: Environment, *, losing: bool) -> Iterator[tuple[str, str]]:
    for obj in environment.state.objects.values():
        first = obj.states[0][1] or {}
        scope = Scope(livemode=False, context=obj.context)
        name = partition_key(str(scope), TYPES[str(first["object"])], str(first["id"]))
        mirror = environment.mirror
        item = environment.mirror.objects.get(name)
        note = environment.outstanding_note(scope, str(first["object"]), str(first["id"]), item)
        problem = _problem_of_a_note(obj, note)
        if not _is_unstorable(obj):
            problem = problem or _problem(obj, item, mirror.body_of(name), losing=losing)
        if problem:
            yield problem, name
    for name in sorted(environment.mirror.unreadable):
        yield "unreadable at some time", name
    for name in environment.mirror.objects:
        if not name.startswith("test"):
            yield "crossed", name


def _wrong_messages(environment: Environment, *, losing: bool) -> Iterator[tuple[str, str]]:
    for body, reason in () if losing else environment.queue.quarantined:
        yield "quarantined", f"{reason}: {body}"
    for event in sorted(environment.accepted - environment.ended):
        yield "without an outcome", event
    if not all(budget.was_kept() for budget in environment.budgets):
        yield "over the limit", "Stripe"


def _problem(obj: StripeObject, item: Item | None, body: JsonObject | None, *, losing: bool) -> str | None:
    held = item is not None and item.get("deleted") is not True
    if obj.now is None:
        return "resurrected" if held else _problem_of_a_tombstone(item, losing=losing)
    if item is None or not held:
        return "lost"
    if body is None:
        return "without a body"
    if body.get("account") != obj.context:
        return "crossed"
    if json_body.canonical(body) != json_body.canonical(obj.now):
        return "stale"
    if not losing and obj.now["object"] == VERSION and not _has_members(item):
        return "without members"  # a backfill inserts versions from lists, without members
    return None if _columns(obj.now) == {name: item.get(name) for name in INDEX_COLUMNS} else "stale in an index"


def _is_unstorable(obj: StripeObject) -> bool:
    return obj.now is not None and UNSTORABLE in obj.now


def _problem_of_a_note(obj: StripeObject, note: UnstorableNote | None) -> str | None:
    """An object has a note of its present state where the table cannot hold it, and else none."""
    if not _is_unstorable(obj):
        return "noted although it can be stored" if note is not None else None
    if note is None:
        return "not noted"
    return None if note.digest == json_body.digest(as_listed(obj.now or {})) else "noted in an older state"


def _has_members(item: Item) -> bool:
    members = item.get("members")
    return isinstance(members, dict) and RATE in members


def _problem_of_a_tombstone(item: Item | None, *, losing: bool) -> str | None:
    if item is None:
        return None if losing else "lost"  # without any event the object is unknown
    return "stale in an index" if any(name in item for name in INDEX_COLUMNS) else None


def _columns(body: JsonObject) -> Mapping[str, object]:
    """The index columns that an object of Stripe must have."""
    name = str(body["object"])
    customer = "cus_1" if name in ("invoice", "v2.billing.cadence", SUBSCRIPTION) else None
    return {
        "created": times.created(body["created"]),
        "customer": body["id"] if name == "customer" else customer,
        "parent": body[PARENTS[name]] if name in PARENTS else None,
        "status": body.get("servicing_status"),
        "collection_status": None,
    }
