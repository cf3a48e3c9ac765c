"""When does Stripe create a version, and what is in it?

Every change to the rates of a card, or to the components of a plan, creates a version, which becomes the live one.
A removal has no event except the new version's. License fees and settings have no members: their versions repeat
their own fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dev.fake_stripe.events.event import Occurrence
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType
from dev.fake_stripe.types.v2_agreements import BILL, COLLECTING
from dev.fake_stripe.types.v2_filters import PRICING

from .lifecycle import Created, create_object, update
from .state import Account, Entity


@dataclass(frozen=True)
class Family:
    """A type with versions."""

    owner: ObjectType
    version: ObjectType
    members: Mapping[str, ObjectType] = field(default_factory=dict)
    """Field of the owner's creation -> the type of its versions' members."""
    repeated: tuple[str, ...] = ()
    """The owner's fields that a version repeats; a change of such a field creates a version."""
    pointers: tuple[str, ...] = ("live_version",)


def _family(owner: str, *, repeated: Body | None = None, pointers: tuple[str, ...] = (), **members: str) -> Family:
    return Family(
        OBJECT_TYPES[f"v2.billing.{owner}"],
        OBJECT_TYPES[f"v2.billing.{owner}_version"],
        {name: OBJECT_TYPES[f"v2.billing.{member}"] for name, member in members.items()},
        tuple(repeated or ()),
        ("live_version", *pointers),
    )


FAMILIES = (
    _family(
        "rate_card",
        rates="rate_card_rate",
        custom_pricing_unit_overage_rates="rate_card_custom_pricing_unit_overage_rate",
    ),
    _family("pricing_plan", components="pricing_plan_component"),
    _family("license_fee", repeated=PRICING),
    _family("bill_setting", repeated=BILL, pointers=("latest_version",)),
    _family("collection_setting", repeated=COLLECTING, pointers=("latest_version",)),
)
BY_OWNER = {family.owner.name: family for family in FAMILIES}
BY_VERSION = {family.version.name: family for family in FAMILIES}
BY_MEMBER = {member.name: family for family in FAMILIES for member in family.members.values()}


def create_owner(account: Account, object_type: ObjectType, fields: Body, _parent: str) -> Created:
    """An owner with its first version, which has all members given."""
    family = BY_OWNER[object_type.name]
    given = [(member, each) for name, member in family.members.items() for each in fields.pop(name, [])]
    version_id = account.new_id(family.version)
    owner, occurrences = create_object(account, object_type, fields | dict.fromkeys(family.pointers, version_id))
    made = [_create_member(account, member, owner, version_id, each) for member, each in given]
    _, of_version = _add_version(account, family, owner, version_id, tuple(entity.id for entity, _ in made))
    return owner, occurrences + of_version + [occurrence for _, of_member in made for occurrence in of_member]


def add_member(account: Account, object_type: ObjectType, fields: Body, parent: str) -> Created:
    family = BY_MEMBER[object_type.name]
    owner = account.existing(family.owner.name, parent)
    members = live_members(account, family, owner)
    version_id = account.new_id(family.version)
    member, occurrences = _create_member(account, object_type, owner, version_id, fields)
    _, of_version = _add_version(account, family, owner, version_id, (*members, member.id))
    return member, occurrences + of_version


def create_next_version(account: Account, object_type: ObjectType, fields: Body, parent: str) -> Created:
    """A new live version with the members of the previous version and the fields given."""
    family = BY_VERSION[object_type.name]
    owner = account.existing(family.owner.name, parent)
    given = {name: value for name, value in fields.items() if name != object_type.parent}
    version_id = fields.get("id") or account.new_id(object_type)
    return _add_version(account, family, owner, version_id, live_members(account, family, owner), given)


def remove_member(account: Account, member: Entity) -> list[Occurrence]:
    family = BY_MEMBER[member.object_type.name]
    owner = account.existing(family.owner.name, member.now.parent)
    members = tuple(each for each in live_members(account, family, owner) if each != member.id)
    account.write(member, member.now.body, removed=True)
    _, of_version = _add_version(account, family, owner, account.new_id(family.version), members)
    return of_version


def update_owner(account: Account, owner: Entity, fields: Body, *, forced: bool) -> list[Occurrence]:
    """A change of a field that versions repeat creates a version."""
    family = BY_OWNER[owner.object_type.name]
    changed = [name for name in family.repeated if name in fields and fields[name] != owner.now.body.get(name)]
    if not changed:
        return update(account, owner, fields, forced=forced)
    version_id = account.new_id(family.version)
    pointers = dict.fromkeys(family.pointers, version_id)
    occurrences = update(account, owner, fields | pointers, forced=forced)
    _, of_version = _add_version(account, family, owner, version_id, ())
    return occurrences + of_version


def subscribe(account: Account, object_type: ObjectType, fields: Body, _parent: str) -> Created:
    """A subscription to the version given, or else to the live version."""
    for owner in ("rate_card", "pricing_plan"):
        if fields.get(owner) and not fields.get(f"{owner}_version"):
            body = account.existing(f"v2.billing.{owner}", fields[owner]).now.body
            fields = fields | {f"{owner}_version": body.get("live_version")}
    return create_object(account, object_type, fields)


def live_members(account: Account, family: Family, owner: Entity) -> tuple[str, ...]:
    version_id = owner.now.body.get("live_version") or ""
    version = account.find(family.version.name, version_id)
    carried = version.now.members if version else ()
    naming = [
        member.id
        for object_type in family.members.values()
        for member in account.by_type.get(object_type.name, {}).values()
        if member.now.body.get(object_type.members) == version_id and not member.now.removed
    ]
    return tuple(dict.fromkeys((*carried, *naming)))


def _create_member(account: Account, object_type: ObjectType, owner: Entity, version_id: str, fields: Body) -> Created:
    return create_object(
        account, object_type, fields | {object_type.parent: owner.id, object_type.members: version_id}, parent=owner.id
    )


def _add_version(
    account: Account,
    family: Family,
    owner: Entity,
    version_id: str,
    members: tuple[str, ...],
    given: Body | None = None,
) -> Created:
    object_type, body = family.version, owner.now.body
    named = {object_type.parent: owner.id} if object_type.parent else {}
    repeated = {name: body.get(name) for name in family.repeated} | (given or {})
    made = create_object(account, object_type, repeated | {"id": version_id} | named, members, owner.id)
    version = made[0].now.body
    after = {name: version[name] for name in family.repeated} | dict.fromkeys(family.pointers, version_id)
    if body | after != body:
        account.write(owner, body | after)
    return made
