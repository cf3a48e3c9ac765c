"""Each setting reaches what it sets."""

import time

import boto3
import pytest

from billing_mirror.core.catalog import PREVIEW_VERSION, ApiChannel
from billing_mirror.core.errors import TransientError
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.schedule import HOUR, MINUTE, Schedule
from billing_mirror.ports import StripeRequest
from dev.fake_stripe.client import StandIn

from .conftest import Cloud, Load


def test_every_interval_of_reconcile_is_the_one_of_its_parameter(cloud: Cloud, load: Load) -> None:
    cloud.environment |= {
        "RECOVER_MINUTES": "2",
        "RATE_CARD_SUBSCRIPTION_HOURS": "3",
        "ACTIVITY_HOURS": "5",
        "CONFIGURATION_HOURS": "7",
        "CATALOG_HOURS": "11",
        "USAGE_SWEEP": "on",
    }
    assert load("reconcile").dependencies.schedule == Schedule(
        recover=2 * MINUTE,
        rate_card_subscriptions=3 * HOUR,
        activity=5 * HOUR,
        configuration=7 * HOUR,
        catalog=11 * HOUR,
        usage=5 * HOUR,
    )


def test_usage_is_not_swept_unless_it_is_switched_on(load: Load) -> None:
    assert load("reconcile").dependencies.schedule.usage is None


@pytest.mark.parametrize(("given", "sent"), [("", PREVIEW_VERSION), ("2099-01-01.beta", "2099-01-01.beta")])
def test_previews_are_read_with_the_version_of_this_release_unless_another_is_set(
    cloud: Cloud, load: Load, given: str, sent: str
) -> None:
    cloud.environment["STRIPE_PREVIEW_VERSION"] = given
    assert load("process").dependencies.ports.stripe.version(ApiChannel.PREVIEW) == sent


def test_process_leaves_the_margin_that_is_set(cloud: Cloud, load: Load) -> None:
    cloud.environment["CLOCK_SKEW_MARGIN_SECONDS"] = "7.5"
    assert load("process").dependencies.clock_skew_margin == 7.5


async def test_process_tries_what_a_429_refused_once_more(load: Load, at_stripe: StandIn) -> None:
    customer = at_stripe.create("customer", {})
    at_stripe.faults(api=[{"status": 429, "count": 1}])
    request = StripeRequest(f"/v1/customers/{customer['id']}", ApiChannel.GA, context=None)
    answer = await load("process").dependencies.ports.stripe.get(request)
    assert answer.body["id"] == customer["id"]


@pytest.mark.parametrize(("name", "seconds"), [("process", 40), ("reconcile", 100)])
def test_functions_share_the_rate_of_requests(
    cloud: Cloud, load: Load, at_stripe: StandIn, name: str, seconds: int
) -> None:
    customer = at_stripe.create("customer", {})
    cloud.environment |= {"STRIPE_REQUESTS_PER_SECOND": "0.025", "RECONCILE_REQUESTS_PER_SECOND": "0.01"}
    handler = load(name)
    started = time.time()
    request = StripeRequest(f"/v1/customers/{customer['id']}", ApiChannel.GA, context=None)
    answer = handler.loop.run(handler.dependencies.ports.stripe.get(request))
    assert answer.next_at - started >= seconds
    stored = boto3.client("dynamodb").get_item(
        TableName="a-table", Key={"pk": {"S": "test#budget"}, "sk": {"S": "budget"}}
    )
    assert stored["Item"]["version"] == {"N": "1"}
    assert not {"scope", "type", "created", "customer", "parent"} & stored["Item"].keys()  # no index holds it


@pytest.mark.usefixtures("at_stripe")
@pytest.mark.parametrize("name", ["process", "reconcile"])
def test_functions_count_that_the_table_does_not_share_the_budget(load: Load, name: str) -> None:
    handler = load(name)
    boto3.client("dynamodb").delete_table(TableName="a-table")
    request = StripeRequest("/v1/customers/cus_1", ApiChannel.GA, context=None)
    with pytest.raises(TransientError):  # the account of the key cannot be confirmed without the table
        handler.loop.run(handler.dependencies.ports.stripe.get(request))
    assert handler.metric_counts.drain()[Metric.BUDGET_UNSHARED] == 1
