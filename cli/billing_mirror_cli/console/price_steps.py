"""A tiered price as a step chart: what a unit costs, by quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from math import inf

from billing_mirror.reader import MirroredObject, Reader
from billing_mirror.views import LicenseFee, Price, Pricing, RateCard, RateCardRate, Tier, TieringMode, money

from .. import mirror
from ..customer.pricing_units import rate_words
from ..customer.subscriptions import pricing_of, words_of
from .charts import Tick

WIDTH, HEIGHT, RIGHT, TOP, BOTTOM = 360, 116, 352, 14, 92
_CHARACTER, _LINE = 7.0, 13.0
"""The width and the height that a character takes at most."""
_WIDEST = 150.0
"""What the labels at the left may take."""


@dataclass(frozen=True, slots=True)
class Step:
    """The price of a tier, from one edge to the next. ``title`` is the tier in words."""

    left: float
    right: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Steps:
    """A price with the coordinates of its chart. Each tier has the same width, whatever its quantity."""

    left: float
    steps: Sequence[Step]
    path: str
    amounts: Sequence[Tick]
    quantities: Sequence[Tick]
    of_all: bool
    """Whether a tier's price is that of all units, instead of those within the tier."""


@dataclass(frozen=True, slots=True)
class ShownPrice:
    """A price in words, and its chart where it has tiers."""

    words: str
    steps: Steps | None


def price_of(reader: Reader, found: MirroredObject) -> ShownPrice | None:
    """What an object costs; None for an object that is no price."""
    if found.type == RateCardRate.OBJECT_TYPE.name:
        rate = RateCardRate.of(found)
        card = mirror.get(reader, rate.rate_card, RateCard.OBJECT_TYPE.name) if rate.rate_card else None
        currency = (RateCard.of(card).currency if card else None) or ""
        return ShownPrice(rate_words(reader, rate, currency), draw_steps(pricing_of(rate), currency))
    for view in (Price, LicenseFee):
        if found.type == view.OBJECT_TYPE.name:
            priced = view.of(found)
            return ShownPrice(words_of(priced), draw_steps(pricing_of(priced), priced.currency or ""))
    return None


def draw_steps(pricing: Pricing | None, currency: str) -> Steps | None:
    """The chart of a price; None where it has the same price for each quantity."""
    if pricing is None or len(pricing.tiers) == 1:
        return None
    tiers = pricing.tiers
    labels = {tier.unit_amount: money.words(tier.unit_amount, currency) for tier in tiers}
    left = 8 + min(_WIDEST, _CHARACTER * max(map(len, labels.values())))
    edges = [round(left + (RIGHT - left) * number / len(tiers), 1) for number in range(len(tiers) + 1)]
    highest = max(labels)
    heights = {amount: _height(amount, highest) for amount in labels}
    below = [None, *(tier.up_to for tier in tiers[:-1])]
    steps = [
        Step(start, end, heights[tier.unit_amount], _in_words(tier, floor, currency))
        for tier, floor, (start, end) in zip(tiers, below, pairwise(edges), strict=True)
    ]
    bounds = [Tick(at, money.quantity(tier.up_to)) for tier, at in zip(tiers, edges[1:], strict=True) if tier.up_to]
    return Steps(
        left=left,
        steps=steps,
        path=f"M{left} {steps[0].y} " + " ".join(f"V{step.y} H{step.right}" for step in steps),
        amounts=list(
            _apart([Tick(heights[one], labels[one]) for one in sorted(labels, reverse=True)], lambda _: _LINE)
        ),
        quantities=list(_apart([Tick(left, "0"), *bounds], lambda tick: _CHARACTER * len(tick.text))),
        of_all=pricing.mode is TieringMode.VOLUME,
    )


def _height(amount: Decimal, highest: Decimal) -> float:
    share = float(amount / highest) if highest > 0 else 0.0
    return round(BOTTOM - max(0.0, share) * (BOTTOM - TOP), 1)


def _apart(ticks: Iterable[Tick], size: Callable[[Tick], float]) -> Iterator[Tick]:
    """The ticks whose texts do not cover the one before."""
    free = -inf
    for tick in ticks:
        half = size(tick) / 2
        if tick.at - half >= free:
            yield tick
            free = tick.at + half


def _in_words(tier: Tier, below: Decimal | None, currency: str) -> str:
    bounds = [f"above {money.quantity(below)}"] if below is not None else []
    bounds += [f"up to {money.quantity(tier.up_to)}"] if tier.up_to is not None else []
    flat = f" plus {money.words(tier.flat_amount, currency)} flat" if tier.flat_amount else ""
    return f"{', '.join(bounds)}: {money.words(tier.unit_amount, currency)} each{flat}"
