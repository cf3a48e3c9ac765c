"""Which rules of their own do discounts, tax ids, entitlements and singletons have?"""

from dev.fake_stripe.api.protocol import now, random_text
from dev.fake_stripe.api.urls import url_of
from dev.fake_stripe.events.event import Occurrence
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType
from dev.fake_stripe.types.v1_customers import DISCOUNT, SUMMARY

from .lifecycle import Created, create_object, remove, update
from .state import Account, Entity

CUSTOMER = OBJECT_TYPES["customer"]
ENTITLEMENT = OBJECT_TYPES["entitlements.active_entitlement"]
FEATURE = OBJECT_TYPES["entitlements.feature"]


def update_customer(account: Account, customer: Entity, fields: Body, *, forced: bool) -> list[Occurrence]:
    """A discount has events of its own: a change of nothing else has no `customer.updated`."""
    before = customer.now.body
    given = fields.get("discount")
    if given:
        fields = fields | {"discount": _discount(customer, before.get("discount"), given)}
    occurrences = update(account, customer, fields, forced=forced)
    after = customer.now.body
    changed = [name for name in after if after[name] != before.get(name)]
    if "discount" not in changed:
        return occurrences
    name = "updated" if before.get("discount") and given else "created" if given else "deleted"
    discount = Occurrence(
        DISCOUNT,
        name,
        after["discount"] or before["discount"],
        before["discount"] if name == "updated" else None,
        parent=customer.id,
    )
    return [discount] if changed == ["discount"] else [*occurrences, discount]


def _discount(customer: Entity, before: Body | None, given: Body) -> Body:
    whole = before or {
        "id": f"di_{random_text(24)}",
        "object": "discount",
        "checkout_session": None,
        "customer": customer.id,
        "customer_account": None,
        "end": None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": None, "type": "coupon"},
        "start": int(now().timestamp()),
        "subscription": None,
        "subscription_item": None,
    }
    return whole | given


def create_tax_id(account: Account, object_type: ObjectType, fields: Body, parent: str) -> Created:
    """A tax id of the customer if given, else of the account."""
    customer = parent or fields.get("customer")
    if customer:
        owner = {"type": "customer", "customer": customer}
        fields = {"owner": owner} | fields | {"customer": customer}
    return create_object(account, object_type, fields)


def create_singleton(account: Account, object_type: ObjectType, fields: Body, parent: str) -> Created:
    """A singleton exists from the start with its defaults: creation updates it."""
    parent = parent or fields.get(object_type.parent, "")
    named = {object_type.parent: parent} if object_type.parent else {}
    entity = (
        account.find(object_type.name, url_of(object_type, "", parent)) or create_object(account, object_type, named)[0]
    )
    return entity, update(account, entity, fields)


def grant_entitlement(account: Account, object_type: ObjectType, fields: Body, parent: str) -> Created:
    customer = parent or fields.get("customer", "")
    feature = account.existing(FEATURE.name, fields.get("feature", "")).now.body
    own = {name: value for name, value in fields.items() if name != "customer"}
    entity, _ = create_object(account, object_type, {"lookup_key": feature["lookup_key"]} | own, parent=customer)
    return entity, [summary_occurrence(account, summarized(account, customer))]


def end_entitlement(account: Account, entitlement: Entity) -> list[Occurrence]:
    remove(account, entitlement)
    return [summary_occurrence(account, summarized(account, entitlement.now.parent))]


def summarized(account: Account, customer: str) -> Entity:
    """The customer's summary; the first entitlement creates it."""
    url = url_of(SUMMARY, "", customer)
    return account.find(SUMMARY.name, url) or account.keep(SUMMARY, url, {"customer": customer}, parent=customer)


def summary_occurrence(account: Account, summary: Entity, name: str = "updated") -> Occurrence:
    customer = summary.now.parent
    shown = {
        "object": SUMMARY.name,
        "customer": customer,
        "entitlements": {
            "object": "list",
            "data": entitlements(account, customer),
            "has_more": False,
            "url": f"/v1/customer/{customer}/entitlements",
        },
        "livemode": account.livemode,
    }
    return Occurrence(SUMMARY, name, summary.now.body, data={"customer": customer}, parent=customer, shown=shown)


def entitlements(account: Account, customer: str) -> list[Body]:
    """A customer's entitlements, newest first."""
    of_type = account.by_type.get(ENTITLEMENT.name, {})
    return [
        each.now.body for each in reversed(of_type.values()) if each.now.parent == customer and not each.now.removed
    ]


def whole_list(account: Account, customer: str) -> Body:
    """All of a customer's entitlements, as a list request answers them."""
    data = entitlements(account, customer)
    return {"object": "list", "url": ENTITLEMENT.list_path, "has_more": False, "data": data}
