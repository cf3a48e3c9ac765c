"""Another Stripe account, whose key may get into the secret by mistake."""

from billing_mirror.core import times
from billing_mirror.core.json_body import JsonObject

from .stripe import StripeObject, StripeState

SAME_IDS = (("product", "/v1/products", "gold"), ("customer", "/v1/customers", "cus_2"))
"""Ids that people chose: both accounts have an object of this id."""


def account_with_same_ids(now: float) -> StripeState:
    """An account that has nothing of ours, except for objects of the same ids."""
    other = StripeState("acct_other")
    for name, list_path, identifier in SAME_IDS:
        path = f"{list_path}/{identifier}"
        body: JsonObject = {
            "id": identifier,
            "object": name,
            "livemode": False,
            "created": times.iso(now),
            "account": other.account,
        }
        other.objects[None, path] = StripeObject(path, None, list_path, [(now, body)])
    return other
