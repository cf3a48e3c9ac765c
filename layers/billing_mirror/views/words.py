"""A price in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import money
from .pricing import Packages, Pricing, Rounding, Tier, TieringMode


def describe(pricing: Pricing, currency: str, unit_label: str | None = None) -> str:
    """Such as "first 1,000 free, then $0.002 each", or "$5.00 per started 1,000 calls"."""
    if len(pricing.tiers) == 1:
        (tier,) = pricing.tiers
        end = f", up to {money.quantity(tier.up_to)}" if tier.up_to is not None else ""
        return f"{_amount(tier, currency, _per(pricing.packages, unit_label))}{end}"
    per = f"per {unit_label}" if unit_label else "each"
    unit, counted = ("per package", _counted(pricing.packages, unit_label)) if pricing.packages else (per, "")
    named = _volume if pricing.mode is TieringMode.VOLUME else _graduated
    return counted + ", ".join(named(pricing.tiers, currency, unit))


def _graduated(tiers: Sequence[Tier], currency: str, unit: str) -> Iterator[str]:
    below = None
    for tier in tiers:
        amount = _amount(tier, currency, unit)
        if tier.up_to is None:
            yield f"then {amount}"
        elif below is None:
            yield f"first {money.quantity(tier.up_to)} {amount}"
        else:
            yield f"next {money.quantity(tier.up_to - below)} {amount}"
        below = tier.up_to


def _volume(tiers: Sequence[Tier], currency: str, unit: str) -> Iterator[str]:
    below = None
    for number, tier in enumerate(tiers):
        amount = _amount(tier, currency, unit)
        all_units = "for all units: " if not number else ""
        if tier.up_to is not None:
            yield f"{all_units}{amount} up to {money.quantity(tier.up_to)}"
        elif below is not None:
            yield f"{all_units}{amount} above {money.quantity(below)}"
        below = tier.up_to


def _amount(tier: Tier, currency: str, unit: str) -> str:
    if not tier.unit_amount and not tier.flat_amount:
        return "free"
    parts = [f"{money.words(tier.unit_amount, currency)} {unit}"] if tier.unit_amount else []
    parts += [f"{money.words(tier.flat_amount, currency)} flat"] if tier.flat_amount else []
    return " plus ".join(parts)


def _per(packages: Packages | None, unit_label: str | None) -> str:
    if packages is None:
        return f"per {unit_label}" if unit_label else "each"
    return f"per {_part(packages)} {_size(packages, unit_label)}"


def _counted(packages: Packages | None, unit_label: str | None) -> str:
    return f"in packages, one per {_part(packages)} {_size(packages, unit_label)}: " if packages else ""


def _part(packages: Packages) -> str:
    return "started" if packages.rounding is Rounding.UP else "full"


def _size(packages: Packages, unit_label: str | None) -> str:
    size = money.quantity(packages.size)
    return f"{size} {unit_label}" if unit_label else size
