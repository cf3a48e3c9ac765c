"""What does a change do to one object, and which events does it cause?"""

import copy
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from dev.fake_stripe.api.protocol import ApiError, now, rfc3339
from dev.fake_stripe.events.event import Occurrence
from dev.fake_stripe.types.object_types import Body, Entering, ObjectType

from .state import Account, Entity

Made = tuple[Entity, list[Occurrence]]

DECIMALS = frozenset(
    {
        "current_quantity",
        "divide_by",
        "factor",
        "flat_amount",
        "percent_off",
        "unit_amount",
        "up_to_decimal",
        "value",
    }
)
"""Fields that v2 writes as strings, whatever a test passes; a value beside a currency is a number."""


def bear(account: Account, row: ObjectType, fields: Body, members: tuple[str, ...] = (), parent: str = "") -> Made:
    """Add one object, with the events of its birth."""
    missing = [name for name in row.required if fields.get(name) is None]
    if missing:
        raise ApiError(400, f"A {row.name} needs {', '.join(missing)}.", code="parameter_missing")
    parent = parent or (fields[row.parent] if row.parent else "")
    _check_references(account, row, fields)
    _check_parent(account, row, parent)
    instant = now()
    born = dict.fromkeys((row.created, *row.times_at_birth) if row.created else (), moment(row, instant))
    body = born | copy.deepcopy(dict(row.defaults)) | fields
    if not row.is_v1:
        body = decimals_as_text(body)
    if "updated" in body:
        body["updated"] = body["created"]
    _check_unique(account, row, body)
    if row.announced_at_birth:
        body = _stamped(row, {}, body, instant)
    entity = account.add(row, body, members, parent)
    names = ["created"] if "created" in row.events else []
    if row.announced_at_birth:
        names += _entering(row, row.announced_at_birth, body[row.announced_at_birth]).events
    return entity, occurrences_of(entity, names)


def occurrences_of(entity: Entity, names: Iterable[str], before: Body | None = None) -> list[Occurrence]:
    return [Occurrence(entity.row, name, entity.now.body, before, parent=entity.now.parent) for name in names]


def update(account: Account, entity: Entity, fields: Body, *, forced: bool = False) -> list[Occurrence]:
    """Change fields; metadata is merged, and a null there removes the key.

    `forced` skips Stripe's rules, for a change that no endpoint would make.
    """
    row, before = entity.row, entity.now.body
    if not forced:
        _check_still_open(row, before, fields)
    _check_references(account, row, fields)
    merged = before | (fields if row.is_v1 else decimals_as_text(fields))
    if isinstance(fields.get("metadata"), dict):
        metadata = (before.get("metadata") or {}) | fields["metadata"]
        merged["metadata"] = {name: value for name, value in metadata.items() if value is not None}
    if merged == before:
        return []
    instant = now()
    after = _stamped(row, before, merged, instant)
    if "updated" in after:
        after["updated"] = moment(row, instant)
    account.write(entity, after)
    return occurrences_of(entity, _update_names(row, before, after), before)


def _update_names(row: ObjectType, before: Body, after: Body) -> list[str]:
    entered = [_entering(row, status, after[status]) for status in _changed_statuses(row, before, after)]
    is_updated = "updated" in row.events and not any(each.ends for each in entered)
    names = ["updated"] if is_updated else []
    names += [name for each in entered for name in each.events]
    return names + [name for field, name in row.told_apart.items() if after.get(field) != before.get(field)]


def remove(account: Account, entity: Entity) -> list[Occurrence]:
    account.write(entity, entity.now.body, removed=True)
    return occurrences_of(entity, {"deleted"} & entity.row.events)


def status_change(row: ObjectType, to: str) -> Body:
    """The fields that a transition sets: `paused`, or in full `collection_paused`."""
    for name, values in row.statuses.items():
        for value in values:
            word = value if isinstance(value, str) else ("active" if value else "inactive")
            if to in (word, f"{name.removesuffix('_status')}_{word}"):
                return {name: value}
    raise ApiError(400, f"A {row.name} does not become '{to}'.", code="invalid_transition")


def moment(row: ObjectType, instant: datetime) -> str | int:
    """A time as the type's API writes it."""
    return int(instant.timestamp()) if row.is_v1 else rfc3339(instant)


def decimals_as_text(body: Body) -> Body:
    is_money = "currency" in body and "value" in body
    return {
        name: value if is_money and name == "value" else _decimal_as_text(name, value) for name, value in body.items()
    }


def _decimal_as_text(name: str, value: object) -> object:
    if isinstance(value, dict):
        return decimals_as_text(value)
    if isinstance(value, list):
        return [_decimal_as_text(name, item) for item in value]
    if isinstance(value, float | Decimal):
        raise ApiError(400, f"{name}: write decimals as text.", code="invalid_decimal")
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and name in DECIMALS else value


def _check_references(account: Account, row: ObjectType, fields: Body) -> None:
    for name, object_type in row.references.items():
        if fields.get(name) is not None:
            account.existing(object_type, fields[name])


def _check_parent(account: Account, row: ObjectType, parent: str) -> None:
    if row.nested_in:
        account.existing(row.nested_in, parent)


def _check_unique(account: Account, row: ObjectType, body: Body) -> None:
    """One subscription per cadence and rate card; a canceled one makes room for the next."""
    if not row.unique:
        return
    for other in account.by_type.get(row.name, {}).values():
        existing = other.now.body
        is_open = not other.now.removed and not (row.closed and existing.get(row.closed[0]) == row.closed[1])
        if is_open and all(existing.get(name) == body[name] for name in row.unique):
            raise ApiError(400, f"{other.id} exists already.", code=f"{row.short}_already_exists")


def _check_still_open(row: ObjectType, before: Body, fields: Body) -> None:
    """Metadata and servicing of a canceled subscription are closed; its collection goes on."""
    if row.closed is None or before.get(row.closed[0]) != row.closed[1]:
        return
    for name, action in (("metadata", "update"), (row.closed[0], "cancel")):
        if name in fields:
            code = f"invalid_{row.short}_status_for_{action}"
            raise ApiError(400, f"{before['id']} is canceled.", code=code)


def _changed_statuses(row: ObjectType, before: Body, after: Body) -> list[str]:
    return [name for name in row.statuses if after.get(name) != before.get(name)]


def _entering(row: ObjectType, status: str, value: object) -> Entering:
    try:
        return row.statuses[status][value]
    except KeyError:
        raise ApiError(400, f"{value!r} is no {status}.", code="invalid_parameter") from None


def _stamped(row: ObjectType, before: Body, after: Body, instant: datetime) -> Body:
    """The body with the time of every status taken on."""
    stamped = dict(after)
    for status in _changed_statuses(row, before, after):
        entering = _entering(row, status, after[status])
        if entering.stamp:
            transitions = f"{status}_transitions"
            stamped[transitions] = (stamped.get(transitions) or {}) | {entering.stamp: moment(row, instant)}
        stamped |= dict.fromkeys(entering.times, moment(row, instant))
    return stamped
