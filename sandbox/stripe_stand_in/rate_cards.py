"""How do the versions of a rate card come about, and which rates are in each?

Every change to the rates makes a version, which becomes the live one. A removed rate is told only by the
`rate_card_version.created` event of the version without it.
"""

from .catalog import OBJECT_TYPES
from .events import Occurrence
from .lifecycle import Made, bear
from .object_types import Body
from .state import Account, Entity

CARD = OBJECT_TYPES["v2.billing.rate_card"]
RATE = OBJECT_TYPES["v2.billing.rate_card_rate"]
VERSION = OBJECT_TYPES["v2.billing.rate_card_version"]
SUBSCRIPTION = OBJECT_TYPES["v2.billing.rate_card_subscription"]


def create_card(account: Account, fields: Body) -> Made:
    """A card with its first version; `rates` are all in that version."""
    given = fields.pop("rates", [])
    version_id = account.new_id(VERSION)
    card, occurrences = bear(account, CARD, fields | {"live_version": version_id})
    made = [_bear_rate(account, card, version_id, rate) for rate in given]
    _, told = _bear_version(account, card, version_id, tuple(rate.id for rate, _ in made))
    return card, occurrences + told + [occurrence for _, of_rate in made for occurrence in of_rate]


def add_rate(account: Account, fields: Body) -> Made:
    card = account.existing(CARD.name, fields.get("rate_card", ""))
    members = live_members(account, card)
    version_id = account.new_id(VERSION)
    rate, occurrences = _bear_rate(account, card, version_id, fields)
    _, told = _bear_version(account, card, version_id, (*members, rate.id))
    return rate, occurrences + told


def renew(account: Account, fields: Body) -> Made:
    """A new live version with the rates of the one before."""
    card = account.existing(CARD.name, fields.get("rate_card_id", ""))
    return _bear_version(account, card, account.new_id(VERSION), live_members(account, card))


def remove_rate(account: Account, rate: Entity) -> list[Occurrence]:
    card = account.existing(CARD.name, rate.now.body["rate_card"])
    members = tuple(member for member in live_members(account, card) if member != rate.id)
    account.write(rate, rate.now.body, removed=True)
    _, told = _bear_version(account, card, account.new_id(VERSION), members)
    return told


def subscribe(account: Account, fields: Body) -> Made:
    """A subscription is to the version given, or else to the card's live one."""
    if fields.get("rate_card") and not fields.get("rate_card_version"):
        card = account.existing(CARD.name, fields["rate_card"])
        fields = fields | {"rate_card_version": card.now.body["live_version"]}
    return bear(account, SUBSCRIPTION, fields)


def live_members(account: Account, card: Entity) -> tuple[str, ...]:
    return account.existing(VERSION.name, card.now.body["live_version"]).now.members


def _bear_rate(account: Account, card: Entity, version_id: str, fields: Body) -> Made:
    return bear(account, RATE, fields | {"rate_card": card.id, "rate_card_version": version_id})


def _bear_version(account: Account, card: Entity, version_id: str, members: tuple[str, ...]) -> Made:
    made = bear(account, VERSION, {"id": version_id, "rate_card_id": card.id}, members)
    if card.now.body["live_version"] != version_id:
        account.write(card, card.now.body | {"live_version": version_id})
    return made
