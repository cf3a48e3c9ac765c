"""Usage, its summaries, and reports of usage that Stripe could not count."""

from decimal import Decimal

import pytest
import stripe

from dev.fake_stripe.client import ControlError, StandIn
from tests.fake_stripe.harness import SECRET, Catalogue, Inbox, Wire

DAY = 1_767_225_600
"""2026-01-01"""
HOUR = 3600


class TestSummaries:
    @pytest.fixture
    def path(self, catalogue: Catalogue) -> str:
        return f"/v1/billing/meters/{catalogue.meter}/event_summaries?customer={catalogue.customer}"

    @pytest.fixture(autouse=True)
    def usage(self, stand_in: StandIn, catalogue: Catalogue) -> None:
        for hour, value in ((0, 2), (1, "1.50"), (1, 3), (25, "0.10")):
            stand_in.usage(catalogue.meter, catalogue.customer, value, timestamp=DAY + hour * HOUR + 61)
        stand_in.usage(catalogue.meter, "cus_other", 100, timestamp=DAY)

    def test_windows_with_usage_come_newest_first(self, sdk: stripe.StripeClient, catalogue: Catalogue) -> None:
        params: stripe.params.billing.MeterEventSummaryListParams = {
            "customer": catalogue.customer,
            "start_time": DAY,
            "end_time": DAY + 48 * HOUR,
            "value_grouping_window": "hour",
            "limit": 2,
        }
        page = sdk.v1.billing.meters.event_summaries.list(catalogue.meter, params)
        found = list(page.auto_paging_iter())
        assert [(each.start_time, each.end_time) for each in found] == [
            (DAY + hour * HOUR, DAY + (hour + 1) * HOUR) for hour in (25, 1, 0)
        ]
        assert [each.aggregated_value for each in found] == [0.1, 4.5, 2]
        assert all(each.id.startswith("mtrusg_") for each in found)
        assert found[0].object == "billing.meter_event_summary"

    def test_values_are_exact_numbers(self, wire: Wire, path: str) -> None:
        text = wire.open(f"{path}&start_time={DAY}&end_time={DAY + 48 * HOUR}&value_grouping_window=day").read()
        assert b'"aggregated_value": 0.10,' in text
        assert b'"aggregated_value": 6.50,' in text
        hour = wire.open(f"{path}&start_time={DAY}&end_time={DAY + HOUR}").read()
        assert b'"aggregated_value": 2,' in hour

    def test_one_range_is_one_summary(self, wire: Wire, path: str) -> None:
        (summary,) = wire.get(f"{path}&start_time={DAY}&end_time={DAY + 2 * HOUR}").body["data"]
        assert (summary["aggregated_value"], summary["start_time"]) == (6.5, DAY)
        assert wire.get(f"{path}&start_time={DAY + 60 * HOUR}&end_time={DAY + 70 * HOUR}").body["data"] == []

    @pytest.mark.parametrize(("formula", "value"), [("count", 3), ("last", 3)])
    def test_the_meters_formula_sums_its_usage(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, path: str, formula: str, value: int
    ) -> None:
        stand_in.update(catalogue.meter, {"default_aggregation": {"formula": formula}})
        (summary,) = wire.get(f"{path}&start_time={DAY}&end_time={DAY + 2 * HOUR}").body["data"]
        assert summary["aggregated_value"] == value

    @pytest.mark.parametrize(
        "query",
        [
            f"start_time={DAY}",
            f"start_time={DAY + 1}&end_time={DAY + HOUR}",
            f"start_time={DAY + 60}&end_time={DAY + HOUR}&value_grouping_window=hour",
            f"start_time={DAY + HOUR}&end_time={DAY + 24 * HOUR}&value_grouping_window=day",
            f"start_time={DAY}&end_time={DAY + HOUR}&value_grouping_window=week",
            f"start_time={DAY}&end_time={DAY + HOUR}&color=red",
        ],
    )
    def test_unaligned_or_missing_times_are_refused(self, wire: Wire, path: str, query: str) -> None:
        assert wire.get(f"{path}&{query}").status == 400

    def test_a_customer_is_needed_and_a_meter(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        times = f"start_time={DAY}&end_time={DAY + HOUR}"
        assert wire.get(f"/v1/billing/meters/{catalogue.meter}/event_summaries?{times}").status == 400
        assert wire.get(f"/v1/billing/meters/mtr_x/event_summaries?customer=cus_x&{times}").status == 404
        with pytest.raises(ControlError):
            stand_in.usage("mtr_x", catalogue.customer, Decimal("1.5"))


class TestErrors:
    def test_a_report_is_in_the_fetched_event_only(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        identifier = stand_in.meter_error(catalogue.meter, {"developer_message_summary": "no"})
        stand_in.settle()
        (received,) = inbox.received
        parsed = sdk.parse_event_notification(received.body, received.signature, SECRET)
        assert isinstance(parsed, stripe.events.V1BillingMeterErrorReportTriggeredEventNotification)
        assert parsed.fetch_related_object().id == catalogue.meter
        assert "data" not in received.notification
        event = sdk.v2.core.events.retrieve(identifier)
        assert isinstance(event, stripe.events.V1BillingMeterErrorReportTriggeredEvent)
        assert event.data.developer_message_summary == "no"
        assert event.data.reason.error_types[0].sample_errors[0].request.identifier

    def test_a_report_about_no_meter_has_no_related_object(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        assert catalogue
        identifier = stand_in.meter_error()
        stand_in.settle()
        assert inbox.types == ["v1.billing.meter.no_meter_found"]
        assert "related_object" not in inbox.received[0].notification
        assert wire.get(f"/v2/core/events/{identifier}").body["data"]["reason"]["error_types"][0]["code"] == "no_meter"
