"""What the functions leave undone, so that they have time to report before Lambda stops them."""

import time

from dev.fake_stripe.client import StandIn
from tests.doubles.samples import event

from .conftest import Context, Load


def test_process_starts_nothing_in_its_last_ten_seconds(load: Load, at_stripe: StandIn) -> None:
    handler = load("process").lambda_handler
    customer = at_stripe.create("customer", {})
    attributes = {"SentTimestamp": str(int(time.time() * 1000)), "ApproximateReceiveCount": "1"}
    body = event("v1.customer.updated", customer, url=f"/v1/customers/{customer['id']}")
    records = [{"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes}]
    late = handler({"Records": records}, Context(seconds=9.9))
    assert late == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert handler({"Records": records}, Context(seconds=30)) == {"batchItemFailures": []}


def test_reconcile_starts_nothing_in_its_last_minute(load: Load, at_stripe: StandIn) -> None:
    handler = load("reconcile").lambda_handler
    at_stripe.create("customer", {})
    request = {"types": ["customer"]}
    late = handler(request, Context(seconds=59.9))
    assert '"complete"' not in str(late).replace("'", '"')
    done = handler(request, Context(seconds=180))
    assert '"complete"' in str(done).replace("'", '"')
