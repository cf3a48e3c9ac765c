"""When the current billing period of a cadence started."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

from billing_mirror.core.json_body import value_at
from billing_mirror.views import Cadence

_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


def period_start(cadence: Cadence) -> datetime | None:
    """One interval before the next billing date; None where the cadence does not say.

    A cadence of the 31st bills on the last day of a shorter month, so the day comes from its billing cycle:
    https://docs.stripe.com/api/v2/billing-cadences
    """
    following, interval, number = cadence.next_billing_date, cadence.interval or "", cadence.interval_count or 1
    if following is None:
        return None
    if interval in _DAYS:
        return following - timedelta(days=_DAYS[interval] * number)
    if interval not in _MONTHS:
        return None
    day = value_at(cadence.body, f"billing_cycle.{interval}.day_of_month")
    return _months_before(following, _MONTHS[interval] * number, day if isinstance(day, int) else following.day)


def _months_before(moment: datetime, months: int, day: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(day, last))
