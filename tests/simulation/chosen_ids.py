"""Coupons: people choose their ids, and many of them may be gone at once."""

from collections.abc import Callable
from dataclasses import dataclass

from billing_mirror.core.runs.run import Status

from .faults import Dice
from .stripe import StripeObject, StripeState

COUPON = "coupon"
LIST = "/v1/coupons"
LONG = "a long id " * 100
CHOSEN = ("gold", "25% OFF", "a/b", "jo@example.com", f"{LONG} 1", f"{LONG} 2")
"""One is a product's id too, and two begin alike beyond what a key of the table holds."""
COUNT = 26
"""Coupons: more than one run may remove."""
FEW = 3


def make_coupons(make: Callable[[str, str, str, str], StripeObject]) -> None:
    """Creates the coupons, each with its event; ``make`` takes resource, object, id and the path of the list."""
    for identifier in (*CHOSEN, *(f"coupon {number}" for number in range(COUNT - len(CHOSEN)))):
        make(f"v1.{COUPON}", COUPON, identifier, LIST)


@dataclass(frozen=True, slots=True)
class Loss:
    """How the run over the coupons must end, and whether those that are not found are really gone."""

    status: Status
    is_real: bool


def draw_loss(state: StripeState, dice: Dice, now: float) -> Loss:
    """Lets Stripe list no coupon any more, and announces nothing.

    Nothing is gone and nothing is found; or a few are gone, and the others found; or most are gone.
    """
    state.unlisted.add(LIST)
    kind = dice.random.choice(("hidden", "few", "most"))
    if kind == "hidden":
        state.hidden.add(LIST)
        return Loss(Status.FAILED, is_real=False)
    coupons = [obj for obj in state.objects.values() if obj.list_path == LIST]
    removed = dice.random.sample(coupons, FEW if kind == "few" else COUNT - FEW)
    for obj in removed:
        obj.states.append((now, None))
    return Loss(Status.COMPLETE if kind == "few" else Status.FAILED, is_real=True)
