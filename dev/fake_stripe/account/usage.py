"""How does Stripe sum up a customer's usage? (docs.stripe.com/api/billing/meter-event-summary)"""

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal

from dev.fake_stripe.api.filters import check_known, missing_parameter
from dev.fake_stripe.api.protocol import ApiError, Params, now, rfc3339
from dev.fake_stripe.events.event import Occurrence
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body

from .state import Usage, View

METER = OBJECT_TYPES["billing.meter"]
WINDOWS = {"hour": 3600, "day": 86400}
MINUTE = 60
KNOWN = frozenset(
    {
        "customer",
        "end_time",
        "start_time",
        "value_grouping_window",
        "limit",
        "starting_after",
        "ending_before",
        "expand",
    }
)

FORMULAS: Mapping[str, Callable[[list[Usage]], Decimal]] = {
    "sum": lambda events: sum((each.value for each in events), Decimal(0)),
    "count": lambda events: Decimal(len(events)),
    "last": lambda events: events[-1].value,
}


def summaries(view: View, meter: Body, params: Params) -> list[Body]:
    """A summary for each window with usage, newest first."""
    check_known(params, KNOWN)
    customer = params.texts.get("customer")
    if customer is None:
        raise missing_parameter("customer")
    grouping = params.texts.get("value_grouping_window")
    if grouping is not None and grouping not in WINDOWS:
        message = f"value_grouping_window: one of {', '.join(WINDOWS)}"
        raise ApiError(400, message, code="invalid_parameter", param="value_grouping_window")
    step = WINDOWS.get(grouping or "", MINUTE)
    start, end = _instant(params, "start_time", step), _instant(params, "end_time", step)
    if start >= end:
        raise ApiError(400, "start_time comes before end_time.", code="invalid_parameter", param="end_time")
    windows: dict[int, list[Usage]] = {}
    for each in _used(view, meter["id"], customer):
        if start <= each.timestamp < end:
            windows.setdefault(each.timestamp // step * step if grouping else start, []).append(each)
    formula = FORMULAS[meter["default_aggregation"]["formula"]]
    return [
        _summary(meter, customer, begin, begin + step if grouping else end, formula(windows[begin]))
        for begin in sorted(windows, reverse=True)
    ]


def _used(view: View, meter: str, customer: str) -> list[Usage]:
    found = [each for each in view.account.usage if each.meter == meter and each.customer == customer]
    return sorted(found, key=lambda each: each.timestamp)


def _instant(params: Params, name: str, step: int) -> int:
    text = params.texts.get(name)
    if text is None:
        raise missing_parameter(name)
    if not text.isdigit() or int(text) % step:
        message = f"{name} is a Unix time aligned to {step} seconds."
        raise ApiError(400, message, code="invalid_parameter", param=name)
    return int(text)


def _summary(meter: Body, customer: str, start: int, end: int, value: Decimal) -> Body:
    """A summary has the same id in every answer."""
    key = f"{meter['id']} {customer} {start} {end}".encode()
    return {
        "id": f"mtrusg_{hashlib.sha256(key).hexdigest()[:24]}",
        "object": "billing.meter_event_summary",
        "aggregated_value": int(value) if value == value.to_integral_value() else value,
        "end_time": end,
        "livemode": meter["livemode"],
        "meter": meter["id"],
        "start_time": start,
    }


def usage_from(given: Body) -> Usage:
    timestamp = given.get("timestamp")
    seconds = int(now().timestamp()) if timestamp is None else int(timestamp)
    return Usage(given["meter"], given["customer"], Decimal(str(given["value"])), seconds)


def error_report(meter: Body | None, data: Body | None) -> Occurrence:
    """Usage that Stripe could not count, with or without a meter; only the fetched event has the report."""
    report = _report("meter_event_customer_not_found" if meter else "no_meter") | (data or {})
    name = "error_report_triggered" if meter else "no_meter_found"
    return Occurrence(METER, name, meter or {}, data=report, related=meter is not None, has_snapshot=False)


def _report(code: str) -> Body:
    instant = rfc3339(now())
    message = "There is 1 invalid event"
    sample = {"error_message": message, "request": {"identifier": "usage-1"}}
    kinds = [{"code": code, "error_count": 1, "sample_errors": [sample]}]
    return {
        "developer_message_summary": message,
        "reason": {"error_count": 1, "error_types": kinds},
        "validation_end": instant,
        "validation_start": instant,
    }
