"""What a quantity costs, exactly: no float, no rounding.

https://docs.stripe.com/subscriptions/pricing-models/tiered-pricing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from enum import StrEnum
from typing import Protocol

from ..core import json_body
from ..core.json_body import Json, JsonObject
from .fields import decimal_in

ZERO = Decimal(0)
MAX_DIGITS = 10_000
"""Digits of a result, at most; more than any product of Stripe's numbers has."""
_EXACT = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation])


class NotPriced(ValueError):
    """An object whose price for a quantity is not a fixed amount of money, or is not mirrored."""


class TieringMode(StrEnum):
    """Which units a tier's unit amount is for."""

    GRADUATED = "graduated"
    """Those within the tier."""
    VOLUME = "volume"
    """All units, where the quantity lies in the tier."""


class Rounding(StrEnum):
    """What becomes of a package that is not full."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Tier:
    """Units up to and including ``up_to``; None is without an end. Amounts are in the currency's minor unit."""

    up_to: Decimal | None
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Packages:
    """Units are counted in packages of ``size``, and a part of one is rounded."""

    size: Decimal
    rounding: Rounding

    def count(self, quantity: Decimal) -> Decimal:
        """The packages of a quantity."""
        full = quantity // self.size
        return full + 1 if self.rounding is Rounding.UP and quantity % self.size else full


@dataclass(frozen=True, slots=True)
class Pricing:
    """Tiers in ascending order; a price per unit is one tier without an end."""

    tiers: tuple[Tier, ...]
    mode: TieringMode = TieringMode.GRADUATED
    packages: Packages | None = None


class Priced(Protocol):
    """What has a price: :class:`Price`, :class:`RateCardRate`, :class:`LicenseFee`."""

    @property
    def pricing(self) -> Pricing: ...


def price(priced: Priced, quantity: Decimal | int | str) -> Decimal:
    """What a quantity costs, in the currency's minor unit (cents), before discounts and taxes.

    The result is exact; an invoice rounds it to whole minor units. A quantity of 0 costs what the first tier costs
    flat. Raises :class:`NotPriced`, also for a quantity above the last tier, and ``ValueError`` for a quantity that is
    negative or no number.
    """
    pricing, units = priced.pricing, _quantity(quantity)
    with localcontext(_EXACT):
        counted = pricing.packages.count(units) if pricing.packages else units
        last = pricing.tiers[-1].up_to
        if last is not None and counted > last:
            raise NotPriced(f"there is no price for more than {last}: the last tier ends there")
        amount = _volume if pricing.mode is TieringMode.VOLUME else _graduated
        return amount(pricing.tiers, counted)


def _graduated(tiers: Sequence[Tier], quantity: Decimal) -> Decimal:
    total, below = ZERO, ZERO
    for number, tier in enumerate(tiers):
        if number and quantity <= below:
            break
        end = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += (end - below) * tier.unit_amount + tier.flat_amount
        below = end
    return total


def _volume(tiers: Sequence[Tier], quantity: Decimal) -> Decimal:
    tier = next(one for one in tiers if one.up_to is None or quantity <= one.up_to)
    return quantity * tier.unit_amount + tier.flat_amount


def _quantity(quantity: Decimal | int | str) -> Decimal:
    if isinstance(quantity, float):
        raise ValueError(f"the quantity {quantity} is a float, which is not exact: give a Decimal, an int or a text")  # noqa: TRY004 - a caller handles both alike
    units = decimal_in(quantity)
    if units is None or units < 0:
        raise ValueError(f"the quantity {quantity!r} is not a number of 0 or more")
    return units


def v1_pricing(name: str, body: JsonObject) -> Pricing:
    """The pricing of a price of the v1 API. Raises :class:`NotPriced`."""
    if isinstance(body.get("custom_unit_amount"), dict):
        raise NotPriced(f"{name} has no amount: the payer chooses it")
    if body.get("billing_scheme") == "tiered":
        tiers = [
            Tier(decimal_in(entry.get("up_to")), _amount(entry, "unit_amount"), _amount(entry, "flat_amount"))
            for entry in _entries(body, "tiers")
        ]
        return _tiered(name, tiers, body.get("tiers_mode"), _packages(body))
    return _per_unit(name, _amount_or_none(body, "unit_amount"), _packages(body))


def v2_pricing(name: str, body: JsonObject) -> Pricing:
    """The pricing of a rate or a license fee of the v2 API. Raises :class:`NotPriced`.

    Stripe does not document whether packages are counted before tiers; they are here, because the transformation is
    applied "before computing the billed price": https://docs.stripe.com/api/v2/rate-cards
    """
    if entries := _entries(body, "tiers"):
        tiers = [
            Tier(decimal_in(entry.get("up_to_decimal")), _amount(entry, "unit_amount"), _amount(entry, "flat_amount"))
            for entry in entries
        ]
        return _tiered(name, tiers, body.get("tiering_mode"), _packages(body))
    amount = _amount_or_none(body, "unit_amount")
    if amount is None and json_body.value_at(body, "custom_pricing_unit_amount.value") is not None:
        raise NotPriced(f"{name} is priced in custom pricing units, not in money")
    return _per_unit(name, amount, _packages(body))


def _per_unit(name: str, amount: Decimal | None, packages: Packages | None) -> Pricing:
    if amount is None:
        raise NotPriced(f"{name} has no unit amount")
    return Pricing((Tier(None, amount),), packages=packages)


def _tiered(name: str, tiers: list[Tier], mode: Json, packages: Packages | None) -> Pricing:
    if not tiers:
        raise NotPriced(f"{name} has tiers, and the mirror holds none of them")
    if mode not in [*TieringMode]:
        raise NotPriced(f"{name} has tiers of an unknown mode")
    ends = [tier.up_to for tier in tiers[:-1]]
    if None in ends or ends != sorted(end for end in ends if end is not None):
        raise NotPriced(f"{name} has tiers that do not ascend")
    return Pricing(tuple(tiers), TieringMode(str(mode)), packages)


def _packages(body: JsonObject) -> Packages | None:
    size = decimal_in(json_body.value_at(body, "transform_quantity.divide_by"))
    rounding = json_body.value_at(body, "transform_quantity.round")
    return Packages(size, Rounding(str(rounding))) if size else None


def _entries(body: JsonObject, name: str) -> list[JsonObject]:
    entries = body.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _amount(entry: JsonObject, name: str) -> Decimal:
    return _amount_or_none(entry, name) or ZERO


def _amount_or_none(entry: JsonObject, name: str) -> Decimal | None:
    """v1 writes an amount twice: rounded away where it is no whole number, and exact as text."""
    exact = decimal_in(entry.get(f"{name}_decimal"))
    return exact if exact is not None else decimal_in(entry.get(name))
