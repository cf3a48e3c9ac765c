"""What a customer owes, has used, and has left. Amounts are exact, in the currency's minor unit (cents)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_mirror.core.catalog import USAGE
from billing_mirror.core.catalog.v1 import CREDIT_BALANCE_TRANSACTION
from billing_mirror.core.json_body import Json, JsonObject, text_at, value_at
from billing_mirror.reader import MirroredObject, Reader
from billing_mirror.views import CreditGrant, Invoice, Meter, money

from .. import mirror
from .moments import iso, moment_at
from .pricing_units import unit_name, units_of
from .subscriptions import Held

DAY = 86400
_LAST = "last"
"""A meter that takes the newest value: https://docs.stripe.com/api/billing/meter/object"""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's minor unit."""

    amount: Decimal
    currency: str

    @property
    def words(self) -> str:
        return money.words(self.amount, self.currency)

    def to_json(self) -> JsonObject:
        return {"amount": self.amount, "currency": self.currency, "words": self.words}


@dataclass(frozen=True, slots=True)
class Units:
    """An amount in a custom pricing unit. ``unit`` is the unit's id."""

    amount: Decimal
    unit: str
    name: str

    @property
    def words(self) -> str:
        return f"{money.quantity(self.amount)} {self.name}"

    def to_json(self) -> JsonObject:
        return {"amount": self.amount, "custom_pricing_unit": self.unit, "words": self.words}


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that waits for its payment. ``days_late`` is None where it has no due date."""

    id: str
    remaining: Money
    due: datetime | None
    days_late: int | None

    def to_json(self) -> JsonObject:
        return {
            "id": self.id,
            "remaining": self.remaining.to_json(),
            "due_at": iso(self.due),
            "days_late": self.days_late,
        }


@dataclass(frozen=True, slots=True)
class UsedMeter:
    """What a meter has counted since a period started, in the hours until ``until`` that Stripe has summed up."""

    meter: str
    name: str
    quantity: Decimal
    since: datetime
    until: datetime

    def to_json(self) -> JsonObject:
        return {
            "meter": self.meter,
            "name": self.name,
            "quantity": self.quantity,
            "since": iso(self.since),
            "until": iso(self.until),
        }


def open_invoices(reader: Reader, customer: str, now: datetime) -> list[OpenInvoice]:
    """A customer's open invoices, newest first."""
    return [_open(invoice, now) for invoice in reader.open_invoices(customer)]


def _open(invoice: Invoice, now: datetime) -> OpenInvoice:
    due = invoice.due_date
    late = max(0, int((now - due).total_seconds() // DAY)) if due else None
    remaining = invoice.amount_remaining if invoice.amount_remaining is not None else invoice.amount_due
    return OpenInvoice(invoice.id, Money(remaining or Decimal(0), invoice.currency or ""), due, late)


def used_meters(reader: Reader, customer: str, subscriptions: Iterable[Held]) -> list[UsedMeter]:
    """The usage of each meter since the period of its subscription started; without meters that counted nothing."""
    starts = {
        line.meter: held.period_start
        for held in subscriptions
        for line in held.lines
        if line.meter and held.period_start
    }
    if not starts:
        return []
    hours: dict[str, list[MirroredObject]] = defaultdict(list)
    for hour in mirror.by_customer(reader, customer, USAGE.name):
        meter = text_at(hour.body, "meter") or ""
        started = moment_at(hour.body, "start_time")
        if meter in starts and started and started >= starts[meter]:
            hours[meter].append(hour)
    return [_used(reader, meter, starts[meter], found) for meter, found in hours.items()]


def _used(reader: Reader, meter_id: str, since: datetime, hours: Sequence[MirroredObject]) -> UsedMeter:
    found = mirror.get(reader, meter_id, Meter.OBJECT_TYPE.name)
    meter = Meter.of(found) if found else None
    ordered = sorted(hours, key=lambda hour: moment_at(hour.body, "start_time") or since)
    values = [_number(hour.body.get("aggregated_value")) for hour in ordered]
    quantity = values[-1] if meter and meter.formula == _LAST else sum(values, Decimal(0))
    until = moment_at(ordered[-1].body, "end_time") or since
    return UsedMeter(meter_id, (meter.display_name if meter else None) or meter_id, quantity, since, until)


def credit_left(reader: Reader, customer: str, now: datetime) -> list[Money | Units]:
    """What is left of a customer's credit grants, by currency and custom pricing unit.

    It is what was granted less what was used or has ended.
    https://docs.stripe.com/api/billing/credit-balance-transaction/object
    """
    left: dict[str, Decimal] = defaultdict(Decimal)
    units: dict[str, JsonObject] = {}
    for amount, sign in _movements(reader, customer, now):
        counted = units_of(amount)
        if counted is not None:
            value, unit = counted
            units[text_at(unit, "id") or ""] = unit
            left[text_at(unit, "id") or ""] += sign * value
        monetary = amount.get("monetary")
        if isinstance(monetary, Mapping):
            left[str(monetary.get("currency"))] += sign * _number(monetary.get("value"))
    return [
        Units(amount, name, unit_name(reader, units[name])) if name in units else Money(amount, name)
        for name, amount in sorted(left.items())
    ]


def _movements(reader: Reader, customer: str, now: datetime) -> Iterator[tuple[JsonObject, int]]:
    """Amounts that were added (1) or taken (-1); of grants that no transaction names, what was granted."""
    known: set[str] = set()
    for transaction in mirror.by_customer(reader, customer, CREDIT_BALANCE_TRANSACTION.name):
        effective = moment_at(transaction.body, "effective_at")
        known.add(text_at(transaction.body, "credit_grant") or "")
        for side, sign in (("credit", 1), ("debit", -1)):
            amount = value_at(transaction.body, f"{side}.amount")
            if isinstance(amount, dict) and not (effective and effective > now):
                yield amount, sign
    for grant in map(CreditGrant.of, mirror.by_customer(reader, customer, CreditGrant.OBJECT_TYPE.name)):
        granted = grant.body.get("amount")
        if isinstance(granted, dict) and grant.id not in known and _is_live(grant, now):
            yield granted, 1


def _is_live(grant: CreditGrant, now: datetime) -> bool:
    started = grant.effective_at is None or grant.effective_at <= now
    return started and grant.voided_at is None and (grant.expires_at is None or grant.expires_at > now)


def _number(value: Json) -> Decimal:
    return Decimal(value) if isinstance(value, int | Decimal | str) else Decimal(0)
