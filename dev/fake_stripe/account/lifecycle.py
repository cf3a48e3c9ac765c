"""What does a change do to one object, and which events does it cause?"""

import copy
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from dev.fake_stripe.api.protocol import ApiError, now, rfc3339
from dev.fake_stripe.events.event import Occurrence
from dev.fake_stripe.types.object_types import Body, ObjectType, StatusEffects

from .state import Account, Entity

Created = tuple[Entity, list[Occurrence]]

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
"""Fields that v2 writes as strings, whatever type a test passes; a value beside a currency is a number."""


def create_object(
    account: Account, object_type: ObjectType, fields: Body, members: tuple[str, ...] = (), parent: str = ""
) -> Created:
    """Add one object, with the events of its creation."""
    missing = [name for name in object_type.required if fields.get(name) is None]
    if missing:
        raise ApiError(400, f"A {object_type.name} needs {', '.join(missing)}.", code="parameter_missing")
    parent = parent or (fields[object_type.parent] if object_type.parent else "")
    _check_references(account, object_type, fields)
    _check_parent(account, object_type, parent)
    instant = now()
    times_of_creation = dict.fromkeys(
        (object_type.created, *object_type.times_at_creation) if object_type.created else (),
        moment(object_type, instant),
    )
    body = times_of_creation | copy.deepcopy(dict(object_type.defaults)) | fields
    if not object_type.is_v1:
        body = decimals_as_text(body)
    if "updated" in body:
        body["updated"] = body["created"]
    _check_unique(account, object_type, body)
    if object_type.events_at_creation:
        body = _stamped(object_type, {}, body, instant)
    entity = account.add(object_type, body, members, parent)
    names = ["created"] if "created" in object_type.events else []
    if object_type.events_at_creation:
        names += _effects(object_type, object_type.events_at_creation, body[object_type.events_at_creation]).events
    return entity, occurrences_of(entity, names)


def occurrences_of(entity: Entity, names: Iterable[str], before: Body | None = None) -> list[Occurrence]:
    return [Occurrence(entity.object_type, name, entity.now.body, before, parent=entity.now.parent) for name in names]


def update(account: Account, entity: Entity, fields: Body, *, forced: bool = False) -> list[Occurrence]:
    """Change fields; metadata is merged, and a null there removes the key.

    `forced` skips Stripe's rules, for a change that no endpoint makes.
    """
    object_type, before = entity.object_type, entity.now.body
    if not forced:
        _check_still_open(object_type, before, fields)
    _check_references(account, object_type, fields)
    merged = before | (fields if object_type.is_v1 else decimals_as_text(fields))
    if isinstance(fields.get("metadata"), dict):
        metadata = (before.get("metadata") or {}) | fields["metadata"]
        merged["metadata"] = {name: value for name, value in metadata.items() if value is not None}
    if merged == before:
        return []
    instant = now()
    after = _stamped(object_type, before, merged, instant)
    if "updated" in after:
        after["updated"] = moment(object_type, instant)
    account.write(entity, after)
    return occurrences_of(entity, _update_names(object_type, before, after), before)


def _update_names(object_type: ObjectType, before: Body, after: Body) -> list[str]:
    entered = [_effects(object_type, status, after[status]) for status in _changed_statuses(object_type, before, after)]
    is_updated = "updated" in object_type.events and not any(each.ends for each in entered)
    names = ["updated"] if is_updated else []
    names += [name for each in entered for name in each.events]
    return names + [name for field, name in object_type.extra_events.items() if after.get(field) != before.get(field)]


def remove(account: Account, entity: Entity) -> list[Occurrence]:
    account.write(entity, entity.now.body, removed=True)
    return occurrences_of(entity, {"deleted"} & entity.object_type.events)


def status_change(object_type: ObjectType, to: str) -> Body:
    """The fields that a transition sets: `paused`, or in full `collection_paused`."""
    for name, values in object_type.statuses.items():
        for value in values:
            word = value if isinstance(value, str) else ("active" if value else "inactive")
            if to in (word, f"{name.removesuffix('_status')}_{word}"):
                return {name: value}
    raise ApiError(400, f"A {object_type.name} does not become '{to}'.", code="invalid_transition")


def moment(object_type: ObjectType, instant: datetime) -> str | int:
    """A time as the type's API writes it."""
    return int(instant.timestamp()) if object_type.is_v1 else rfc3339(instant)


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


def _check_references(account: Account, object_type: ObjectType, fields: Body) -> None:
    for name, type_name in object_type.references.items():
        if fields.get(name) is not None:
            account.existing(type_name, fields[name])


def _check_parent(account: Account, object_type: ObjectType, parent: str) -> None:
    if object_type.nested_in:
        account.existing(object_type.nested_in, parent)


def _check_unique(account: Account, object_type: ObjectType, body: Body) -> None:
    """One subscription per cadence and rate card; canceled subscriptions do not count."""
    if not object_type.unique:
        return
    for other in account.by_type.get(object_type.name, {}).values():
        existing = other.now.body
        is_open = not other.now.removed and not (
            object_type.final_status and existing.get(object_type.final_status[0]) == object_type.final_status[1]
        )
        if is_open and all(existing.get(name) == body[name] for name in object_type.unique):
            raise ApiError(400, f"{other.id} exists already.", code=f"{object_type.short}_already_exists")


def _check_still_open(object_type: ObjectType, before: Body, fields: Body) -> None:
    """Metadata and servicing of a canceled subscription cannot change; its collection status can."""
    if object_type.final_status is None or before.get(object_type.final_status[0]) != object_type.final_status[1]:
        return
    for name, action in (("metadata", "update"), (object_type.final_status[0], "cancel")):
        if name in fields:
            code = f"invalid_{object_type.short}_status_for_{action}"
            raise ApiError(400, f"{before['id']} is canceled.", code=code)


def _changed_statuses(object_type: ObjectType, before: Body, after: Body) -> list[str]:
    return [name for name in object_type.statuses if after.get(name) != before.get(name)]


def _effects(object_type: ObjectType, status: str, value: object) -> StatusEffects:
    try:
        return object_type.statuses[status][value]
    except KeyError:
        raise ApiError(400, f"{value!r} is no {status}.", code="invalid_parameter") from None


def _stamped(object_type: ObjectType, before: Body, after: Body, instant: datetime) -> Body:
    """The body with the time of every status change."""
    stamped = dict(after)
    for status in _changed_statuses(object_type, before, after):
        effects = _effects(object_type, status, after[status])
        if effects.stamp:
            transitions = f"{status}_transitions"
            stamped[transitions] = (stamped.get(transitions) or {}) | {effects.stamp: moment(object_type, instant)}
        stamped |= dict.fromkeys(effects.times, moment(object_type, instant))
    return stamped
