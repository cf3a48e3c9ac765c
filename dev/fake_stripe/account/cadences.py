"""When does a cadence bill, and which customer?"""

import calendar
from datetime import datetime, timedelta

from dev.fake_stripe.api.protocol import ApiError, now, random_text, rfc3339
from dev.fake_stripe.events.event import Occurrence
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body, ObjectType

from .lifecycle import Created, create_object
from .state import Account, Entity

CADENCE = OBJECT_TYPES["v2.billing.cadence"]
PROFILE = OBJECT_TYPES["v2.billing.profile"]


def create_cadence(account: Account, object_type: ObjectType, fields: Body, _parent: str) -> Created:
    """`payer` names a billing profile, or a customer for whom a profile is created; a profile has no events."""
    payer = dict(fields.get("payer") or {})
    if "billing_profile" in payer:
        profile = account.existing(PROFILE.name, payer["billing_profile"])
    elif "customer" in payer:
        profile, _ = create_object(account, PROFILE, {"customer": payer["customer"]})
    else:
        raise ApiError(400, "A cadence's payer names a billing_profile.", code="parameter_missing")
    customer = profile.now.body["customer"]
    whole = {"type": "customer", "billing_profile": profile.id, "customer": customer}
    cycle = fields.get("billing_cycle", object_type.defaults["billing_cycle"])
    due = {"next_billing_date": rfc3339(one_cycle_after(now(), cycle))}
    return create_object(account, object_type, due | fields | {"payer": whole})


def bill(account: Account, cadence: Entity) -> list[Occurrence]:
    before = cadence.now.body
    if before["status"] != "active":
        raise ApiError(400, f"{cadence.id} is canceled.", code="invalid_transition")
    due = datetime.fromisoformat(before["next_billing_date"])
    after = before | {"next_billing_date": rfc3339(one_cycle_after(due, before["billing_cycle"]))}
    account.write(cadence, after)
    return [Occurrence(CADENCE, "billed", after, before, data={"invoices": [f"in_{random_text(24)}"]})]


def one_cycle_after(instant: datetime, cycle: Body) -> datetime:
    count = int(cycle["interval_count"])
    if cycle["type"] in ("day", "week"):
        return instant + timedelta(days=count * (7 if cycle["type"] == "week" else 1))
    months = instant.month - 1 + count * (12 if cycle["type"] == "year" else 1)
    year, month = instant.year + months // 12, months % 12 + 1
    day = min(instant.day, calendar.monthrange(year, month)[1])
    return instant.replace(year=year, month=month, day=day)
