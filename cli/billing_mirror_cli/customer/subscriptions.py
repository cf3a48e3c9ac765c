"""A customer's subscriptions, each with what it costs in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.catalog.v2 import PRICING_PLAN, RATE_CARD_VERSION
from billing_mirror.core.json_body import Json, JsonObject, text_at, value_at
from billing_mirror.reader import MirroredObject, Reader
from billing_mirror.views import (
    Cadence,
    LicenseFee,
    NotPriced,
    Price,
    Pricing,
    PricingPlanSubscription,
    Product,
    RateCard,
    RateCardRate,
    RateCardSubscription,
    Subscription,
)

from .. import mirror
from .moments import iso, moment_at
from .periods import period_start
from .pricing_units import overages, rate_words

_SINCE = {"active": "activated_at"}
"""The member of the transitions for a status that is not named after it."""
_TYPES: tuple[ObjectType, ...] = (
    RateCardSubscription.OBJECT_TYPE,
    PricingPlanSubscription.OBJECT_TYPE,
    Subscription.OBJECT_TYPE,
)


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One thing that is charged. ``meter`` is the id of the meter that counts it, where one does."""

    name: str
    words: str
    quantity: int | None = None
    id: str = ""
    meter: str = ""
    pricing: Pricing | None = None
    """None where it is no fixed amount of money. ``currency`` is that of its amounts."""
    currency: str = ""

    def to_json(self) -> JsonObject:
        return {
            "id": self.id,
            "name": self.name,
            "price": self.words,
            "quantity": self.quantity,
            "meter": self.meter or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One subscription. ``since`` is when it got its status, where Stripe says so; times are in UTC."""

    id: str
    type: str
    name: str
    status: str
    since: datetime | None
    started: datetime | None
    ends: datetime | None
    cadence: str
    period_start: datetime | None
    next_billing: datetime | None
    fetched_at: str
    discounts: int
    lines: tuple[PricedLine, ...]

    def to_json(self) -> JsonObject:
        lines: list[Json] = [one.to_json() for one in self.lines]
        return {
            "id": self.id,
            "type": self.type,
            "name": self.name,
            "status": self.status,
            "status_since": iso(self.since),
            "started_at": iso(self.started),
            "ends_at": iso(self.ends),
            "cadence": self.cadence or None,
            "period_start": iso(self.period_start),
            "next_billing_at": iso(self.next_billing),
            "fetched_at": self.fetched_at,
            "discounts": self.discounts,
            "lines": lines,
        }


def subscriptions_of(reader: Reader, customer: str) -> Iterator[Held]:
    """All of a customer's subscriptions, newest first within each type."""
    reads = (_of_rate_card, _of_pricing_plan, _of_items)
    for object_type, read in zip(_TYPES, reads, strict=True):
        for found in mirror.by_customer(reader, customer, object_type.name):
            yield read(reader, found)


def _of_rate_card(reader: Reader, found: MirroredObject) -> Held:
    view = RateCardSubscription.of(found)
    card = _card(reader, view.rate_card)
    lines = _rates(reader, view.rate_card_version, (card.currency if card else None) or "")
    named = [(card.display_name if card else None) or "", view.rate_card or "", _version(reader, view)]
    return _held_by_cadence(reader, found, "  ".join(filter(None, named)), lines)


def _version(reader: Reader, view: RateCardSubscription) -> str:
    """Which of its rate card's versions it is billed by: ``v3 of 4``; empty where the mirror does not hold it."""
    listed = mirror.children(reader, view.rate_card, RATE_CARD_VERSION.name) if view.rate_card else []
    versions = [one.id for one in listed]  # newest first
    if view.rate_card_version not in versions:
        return ""
    return f"v{len(versions) - versions.index(view.rate_card_version)} of {len(versions)}"


def _of_pricing_plan(reader: Reader, found: MirroredObject) -> Held:
    view = PricingPlanSubscription.of(found)
    lines: list[PricedLine] = []
    for component in view.components:
        version = text_at(component, "rate_card_details.rate_card_version")
        lines += _rates(reader, version, text_at(component, "rate_card_details.currency") or "") if version else []
        fee = component.get("license_fee_details")
        lines += [_license_fee(fee)] if isinstance(fee, dict) else []
    plan = mirror.get(reader, view.pricing_plan, PRICING_PLAN.name) if view.pricing_plan else None
    name = text_at(plan.body, "display_name") if plan else None
    return _held_by_cadence(reader, found, "  ".join(filter(None, [name, view.pricing_plan])), lines)


def _held_by_cadence(reader: Reader, found: MirroredObject, name: str, lines: list[PricedLine]) -> Held:
    """A v2 subscription, whose period is that of its cadence."""
    cadence_id = text_at(found.body, "billing_cadence") or ""
    billed = mirror.get(reader, cadence_id, Cadence.OBJECT_TYPE.name) if cadence_id else None
    cadence = Cadence.of(billed) if billed else None
    return Held(
        id=found.id,
        type=found.type,
        name=name,
        status=mirror.status_of(found),
        since=_since(found.body),
        started=moment_at(found.body, "servicing_status_transitions.activated_at"),
        ends=moment_at(found.body, "servicing_status_transitions.will_cancel_at"),
        cadence=cadence_id,
        period_start=period_start(cadence) if cadence else None,
        next_billing=cadence.next_billing_date if cadence else None,
        fetched_at=found.fetched_at,
        discounts=_count(found.body, "discount_details"),
        lines=tuple(lines),
    )


def _of_items(reader: Reader, found: MirroredObject) -> Held:
    view = Subscription.of(found)
    items = view.items
    starts = [one for item in items if (one := moment_at(item, "current_period_start"))]
    ends = [one for item in items if (one := moment_at(item, "current_period_end"))]
    return Held(
        id=found.id,
        type=found.type,
        name=text_at(found.body, "description") or "",
        status=view.status or "",
        since=view.ended_at if view.ended_at else None,
        started=view.start_date,
        ends=view.cancel_at or (max(ends, default=None) if view.cancel_at_period_end else None),
        cadence="",
        period_start=min(starts, default=None),
        next_billing=min(ends, default=None),
        fetched_at=found.fetched_at,
        discounts=_count(found.body, "discounts"),
        lines=tuple(_item(reader, item) for item in items),
    )


def _item(reader: Reader, item: JsonObject) -> PricedLine:
    """An item. The mirror's own price has the tiers, which the price inside a subscription lacks."""
    body = item.get("price")
    embedded = Price(text_at(item, "price.id") or "", body if isinstance(body, dict) else {})
    found = mirror.get(reader, embedded.id, Price.OBJECT_TYPE.name) if embedded.id else None
    price = Price.of(found) if found else embedded
    product = mirror.get(reader, price.product, Product.OBJECT_TYPE.name) if price.product else None
    name = (Product.of(product).name if product else None) or price.nickname or price.product or price.id
    every = f", every {_every(price)}" if price.interval else ""
    quantity = item.get("quantity")
    return PricedLine(
        name,
        f"{words_of(price)}{every}",
        quantity if isinstance(quantity, int) else None,
        price.id,
        price.meter or "",
        pricing_of(price),
        price.currency or "",
    )


def _every(price: Price) -> str:
    number = price.interval_count or 1
    return f"{price.interval}" if number == 1 else f"{number} {price.interval}s"


def _rates(reader: Reader, version: str | None, currency: str) -> list[PricedLine]:
    """The rates of a rate card version: a subscription is billed by its own, also where a newer one exists."""
    if version is None:
        return []
    rates = map(RateCardRate.of, mirror.members(reader, version, RateCardRate.OBJECT_TYPE.name))
    beyond = [PricedLine(name, words, None, rate_id) for rate_id, name, words in overages(reader, version, currency)]
    return [*(_rate(reader, rate, currency) for rate in rates), *beyond]


def _rate(reader: Reader, rate: RateCardRate, currency: str) -> PricedLine:
    name = rate.display_name or rate.metered_item or rate.id
    words = rate_words(reader, rate, currency)
    return PricedLine(name, words, None, rate.id, rate.meter or "", pricing_of(rate), currency)


def _license_fee(details: JsonObject) -> PricedLine:
    """A fee as the subscription shows it: with the prices of its own version."""
    fee = LicenseFee(text_at(details, "license_fee") or "", details)
    quantity = details.get("quantity")
    interval = text_at(details, "service_cycle.interval")
    every = f", every {interval}" if interval else ""
    name = text_at(details, "display_name") or fee.id
    return PricedLine(name, f"{words_of(fee)}{every}", quantity if isinstance(quantity, int) else None, fee.id)


def pricing_of(priced: Price | RateCardRate | LicenseFee) -> Pricing | None:
    """What it costs; None where that is no fixed amount of money."""
    try:
        return priced.pricing
    except NotPriced:
        return None


def words_of(priced: Price | LicenseFee) -> str:
    """What it costs; or why it has no price."""
    try:
        return priced.words()
    except NotPriced as error:
        return str(error)


def _card(reader: Reader, card: str | None) -> RateCard | None:
    found = mirror.get(reader, card, RateCard.OBJECT_TYPE.name) if card else None
    return RateCard.of(found) if found else None


def _since(body: JsonObject) -> datetime | None:
    """When a v2 subscription got the status that matters more: that of its payments, unless they are current."""
    collection, servicing = text_at(body, "collection_status"), text_at(body, "servicing_status") or ""
    if collection and collection != "current" and servicing == "active":
        return moment_at(body, f"collection_status_transitions.{collection}_at")
    return moment_at(body, f"servicing_status_transitions.{_SINCE.get(servicing, f'{servicing}_at')}")


def _count(body: JsonObject, path: str) -> int:
    listed = value_at(body, path)
    return len(listed) if isinstance(listed, list) else 0
