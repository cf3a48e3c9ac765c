"""The conditions that alarms watch, brought about at the real functions; and the points that these emit in them."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import pytest
import stripe

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.brake import MAX_REMOVED
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import DAY, HOUR, RECOVER
from billing_mirror.core.table.unstorable import UnstorableNote
from dev.fake_stripe.client import StandIn
from tests.doubles.samples import event, subscription_event

from .conftest import SECRET, Cloud, Context, Load

Key: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
Emitted: TypeAlias = Mapping[Key, list[float]]

TEST = Scope(livemode=False)
OF_EACH_CATEGORY = ("invoice", "tax_rate", "product")
"""Types of activity, of configuration and of the catalog."""


@dataclass
class Functions:
    """The functions in front of a cloud and a Stripe."""

    load: Load
    cloud: Cloud
    at_stripe: StandIn
    capsys: pytest.CaptureFixture[str]
    _emitted: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))

    def emitted_in(self, condition: "Condition") -> Emitted:
        """What the functions emit in a condition, without what has led to it."""
        self.cloud.empty_table()
        self.forget()
        condition(self)
        self.at_stripe.clear_faults()
        return self._emitted

    def forget(self) -> None:
        """What was emitted until now has only led to the condition."""
        self._emitted = defaultdict(list)

    def post(self, text: str, *, secret: str = SECRET, readable: bool = True) -> None:
        """A webhook request arrives."""
        signed = stripe.WebhookSignature.generate_signature_header(text, secret, int(time.time()))
        self._invoke("ingest", {"headers": {"stripe-signature": signed}, "body": text, "isBase64Encoded": not readable})

    def deliver(self, message: str, *, seconds_ago: float = 0.0) -> None:
        """A message reaches process, sent so many seconds ago."""
        sent_at = str(int((time.time() - seconds_ago) * 1000))
        attributes = {"SentTimestamp": sent_at, "ApproximateReceiveCount": "1"}
        record = {"messageId": "m", "receiptHandle": "r", "body": message, "attributes": attributes}
        self._invoke("process", {"Records": [record]})

    def reconcile(self, **request: object) -> None:
        """A tick, or a run on demand."""
        self._invoke("reconcile", request)

    def _invoke(self, service: str, given: Mapping[str, object]) -> None:
        self.capsys.readouterr()
        self.load(service).lambda_handler(given, Context(seconds=180))
        for key, values in points_in(self.capsys.readouterr().out, service).items():
            self._emitted[key] += values

    def record(self, run: Run) -> None:
        """Reconcile keeps this record of an earlier run."""
        store = DynamoStateStore(self.cloud.dynamodb, self.cloud.environment["TABLE_NAME"])
        asyncio.run(store.write(TEST, f"run:{run.type}", run.name, run.to_item()))

    def note(self, note: UnstorableNote) -> None:
        """Process has noted an object that the table cannot hold."""
        mirror = DynamoMirror(self.cloud.dynamodb, self.cloud.environment["TABLE_NAME"])
        asyncio.run(mirror.note_unstorable(TEST, note))


Condition: TypeAlias = Callable[[Functions], None]


def points_in(printed: str, service: str) -> Emitted:
    """The values of embedded metrics, as CloudWatch takes them out. The stack's and the function's name are set back:
    the template refers to the one, and tests name each function anew."""
    values: dict[Key, list[float]] = defaultdict(list)
    set_back = {"service": service, "stack": "StackName"}
    for line in printed.splitlines():
        blob: dict[str, Any] = json.loads(line)
        for directive in blob.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                given = {name: set_back.get(name, str(blob[name])) for name in names}
                for metric in directive["Metrics"]:
                    values[directive["Namespace"], metric["Name"], tuple(sorted(given.items()))] += blob[metric["Name"]]
    return values


def quiet(_: Functions) -> None:
    """Nothing happens."""


def both(one: Condition, other: Condition) -> Condition:
    """Both happen, one after the other."""

    def happen(functions: Functions) -> None:
        one(functions)
        other(functions)

    return happen


# ---- ingest


def webhooks(*, forged: int = 0, unreadable: int = 0, signed: int = 0) -> Condition:
    def arrive(functions: Functions) -> None:
        for _ in range(forged):
            functions.post(subscription_event(), secret="whsec_other")
        for _ in range(unreadable):
            functions.post("no base64", readable=False)
        for _ in range(signed):
            functions.post(subscription_event())

    return arrive


# ---- process


def delivered(functions: Functions, *, seconds_ago: float = 0.0) -> None:
    """An event of the key's mode is processed, and its object stored."""
    body = functions.at_stripe.create("customer", {})
    message = event("v1.customer.created", body, url=f"/v1/customers/{body['id']}", at=time.time())
    functions.deliver(message, seconds_ago=seconds_ago)


def delivered_late(seconds: float) -> Condition:
    return partial(delivered, seconds_ago=seconds)


def delivered_of_the_other_mode(functions: Functions) -> None:
    functions.deliver(json.dumps(json.loads(subscription_event()) | {"livemode": True}))


def processed_while_stripe_answers(status: int) -> Condition:
    def process(functions: Functions) -> None:
        delivered(functions)
        functions.at_stripe.faults(api=[{"status": status}])
        functions.forget()
        functions.deliver(subscription_event())

    return process


def key_of_another_account(functions: Functions) -> None:
    """The table is pinned to the account of the key before."""
    delivered(functions)
    functions.at_stripe.key("sk_test_other", "acct_other")
    arn = functions.cloud.environment["STRIPE_KEY_ARN"]
    functions.cloud.secrets.put_secret_value(SecretId=arn, SecretString="sk_test_other")
    functions.forget()


def processed_with_the_key_of_another_account(functions: Functions) -> None:
    key_of_another_account(functions)
    functions.deliver(subscription_event())


def refused_field(functions: Functions) -> str:
    """The id of a cadence of which Stripe refuses to show a field."""
    customer = functions.at_stripe.create("customer", {})["id"]
    cadence = functions.at_stripe.create("v2.billing.cadence", {"payer": {"customer": customer}})["id"]
    functions.at_stripe.faults(refused_fields={"fields": ["settings_data"]})
    return str(cadence)


def processed_without_a_field(functions: Functions) -> None:
    cadence = refused_field(functions)
    functions.deliver(write_message(RefreshRequest(livemode=False, type="v2.billing.cadence", id=cadence)))


def list_that_lacks_its_members(functions: Functions) -> None:
    """The list of a rate card version lacks more rates than are removed without a person's word."""
    at_stripe = functions.at_stripe
    meter = at_stripe.create("billing.meter", {"display_name": "x", "event_name": "x"})["id"]
    item = at_stripe.create("v2.billing.metered_item", {"display_name": "x", "meter": meter})["id"]
    card = at_stripe.create("v2.billing.rate_card", {"display_name": "x"})["id"]
    for _ in range(MAX_REMOVED + 2):
        at_stripe.create("v2.billing.rate_card_rate", {"metered_item": item}, parent=card)
    version = at_stripe.objects("v2.billing.rate_card_version")[-1]["body"]
    request = RefreshRequest(livemode=False, type="v2.billing.rate_card_version", id=version["id"], parent=card)
    functions.deliver(write_message(request))
    at_stripe.put("v2.billing.rate_card_version", version, parent=card)  # shows only the rate that was made with it
    functions.forget()
    functions.deliver(write_message(request))


# ---- reconcile


def compared_before(functions: Functions, *, seconds_ago: float, types: Collection[str], without: str = "") -> None:
    """Each type was compared a minute ago, and these long ago; events were read until then, too."""
    now = time.time()
    for one in RECONCILED_TYPES:
        if one.name == without:
            continue
        at = now - (seconds_ago if one.name in types else 60)
        functions.record(Run(one.name, Job.VERIFY, at, updated_at=at, finished_at=at, status=Status.COMPLETE))
    at = now - seconds_ago
    functions.record(
        Run(RECOVER, Job.RECOVER, at, updated_at=at, finished_at=at, status=Status.COMPLETE, watermark=times.iso(at))
    )


def verified_in_time(functions: Functions) -> None:
    """A tick compares what is due by now, and all is well."""
    compared_before(functions, seconds_ago=8 * DAY, types=["coupon"])
    functions.reconcile()


def refused_for_long(functions: Functions) -> None:
    """Stripe has refused lists of each category and the list of events for so long that all of them are late."""
    compared_before(functions, seconds_ago=26 * DAY, types=OF_EACH_CATEGORY)
    functions.at_stripe.faults(api=[{"status": 400}])
    functions.reconcile()


def filled(functions: Functions) -> None:
    """A tick reads a type for the first time."""
    compared_before(functions, seconds_ago=60, types=[], without="coupon")
    functions.reconcile()


def events_recovered(functions: Functions) -> None:
    """Recover finds an event that no webhook has announced."""
    compared_before(functions, seconds_ago=HOUR, types=[])
    functions.at_stripe.create("customer", {})
    functions.reconcile(job="recover", until_now=True)


def difference_that_stays(functions: Functions) -> None:
    """A list shows an object that cannot be fetched."""
    functions.reconcile(types=["product"])
    product = functions.at_stripe.create("product", {"name": "x"}, without_event=True)["id"]
    functions.at_stripe.faults(api=[{"status": 400, "path_prefix": f"/v1/products/{product}"}])
    functions.forget()
    functions.reconcile(types=["product"])


def object_that_the_table_cannot_hold(functions: Functions) -> None:
    compared_before(functions, seconds_ago=HOUR, types=[])
    functions.note(UnstorableNote("coupon", "coupon_1", "the object is too large", "0" * 64, noticed_at=time.time()))
    functions.reconcile()


def type_that_loses_its_objects(functions: Functions) -> None:
    """More objects of a type are gone at Stripe than a run removes without a person's word."""
    made = {"percent_off": 5, "created": int(time.time() - HOUR)}
    coupons = [functions.at_stripe.create("coupon", made)["id"] for _ in range(MAX_REMOVED + 1)]
    functions.reconcile(types=["coupon"])
    for coupon in coupons:
        functions.at_stripe.remove(coupon, without_event=True)
    functions.forget()
    functions.reconcile(types=["coupon"])


def verified_while_stripe_answers(status: int) -> Condition:
    def verify(functions: Functions) -> None:
        functions.reconcile(types=["coupon"])
        functions.at_stripe.faults(api=[{"status": status}])
        functions.forget()
        functions.reconcile(types=["coupon"])

    return verify


def verified_with_the_key_of_another_account(functions: Functions) -> None:
    key_of_another_account(functions)
    functions.reconcile(types=["coupon"])


def verified_without_a_field(functions: Functions) -> None:
    refused_field(functions)
    functions.reconcile(types=["v2.billing.cadence"])
