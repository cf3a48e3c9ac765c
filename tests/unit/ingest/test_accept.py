"""What a request ends as: the answer, and what is in the queue afterwards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import stripe

from billing_mirror.core.errors import ConfigurationError, TransientError
from billing_mirror.core.events.messages import read_message
from billing_mirror.core.events.signature import is_signed
from billing_mirror.core.events.sources import FORBIDDEN, networks_in
from billing_mirror.core.metrics import Metric
from billing_mirror.ingest.accept import MAX_BODY, IngestAnswer, IngestDependencies, accept
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue
from tests.doubles.samples import snapshot, subscription_event

SECRET = "whsec_current"
OLD_SECRET = "whsec_previous"


@dataclass
class Secrets:
    """Implements ``ports.SigningSecrets``."""

    known: tuple[str, ...] = (SECRET,)
    stored: tuple[str, ...] = (SECRET,)
    reads: int = 0
    down: bool = False

    async def current(self) -> Sequence[str]:
        if self.down:
            raise TransientError("the secrets are out of reach")
        return self.known

    async def refreshed(self) -> Sequence[str]:
        self.reads += 1
        self.known = self.stored
        return self.known


@dataclass
class Front:
    clock: ManualClock = field(default_factory=ManualClock)
    secrets: Secrets = field(default_factory=Secrets)
    sources: str = ""

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    def sign(self, body: str, *secrets: str, at: float = 0) -> str:
        time = int(self.clock.now() + at)
        headers = [
            stripe.WebhookSignature.generate_signature_header(body, secret, time) for secret in secrets or (SECRET,)
        ]
        return ",".join([f"t={time}", *(header.partition(",")[2] for header in headers)])

    async def post(
        self, body: str | bytes, header: str | None = None, *, signed: bool = True, source: str = ""
    ) -> IngestAnswer:
        text = body if isinstance(body, str) else body.decode("utf-8", errors="replace")
        data = body.encode() if isinstance(body, str) else body
        dependencies = IngestDependencies(self.clock, self.queue, self.secrets, is_signed, networks_in(self.sources))
        given = header if header is not None or not signed else self.sign(text)
        return await accept(data, given, dependencies, source=source)


@pytest.fixture
def front() -> Front:
    return Front()


async def test_a_signed_event_is_in_the_queue_when_it_is_answered(front: Front) -> None:
    body = subscription_event()
    accepted = await front.post(body)
    assert (accepted.status, accepted.metric) == (200, Metric.ACCEPTED)
    assert [read_message(waiting.body) for waiting in front.queue.waiting] == [read_message(body)]


async def test_only_what_is_needed_of_the_event_is_queued(front: Front) -> None:
    secret_of_a_customer = json.loads(subscription_event()) | {"data": {"email": "ann@example.com"}}
    await front.post(json.dumps(secret_of_a_customer))
    assert "ann@example.com" not in front.queue.waiting[0].body


async def test_a_snapshot_is_queued_as_the_thin_event_for_the_same_change(front: Front) -> None:
    body = snapshot("customer.updated", {"id": "cus_1", "object": "customer", "email": "ann@example.com"})
    accepted = await front.post(body)
    assert (accepted.status, accepted.metric) == (200, Metric.ACCEPTED)
    [waiting] = front.queue.waiting
    assert read_message(waiting.body) == read_message(body) == accepted.notification
    assert "ann@example.com" not in waiting.body


async def test_events_of_each_account_share_the_queue_fairly(front: Front) -> None:
    customer = {"id": "cus_1", "object": "customer"}
    await front.post(snapshot("customer.updated", {**customer}, account="acct_1"))
    await front.post(subscription_event(context="acct_1/acct_2"))
    await front.post(subscription_event())
    groups = [waiting.group for waiting in front.queue.waiting]
    assert groups == ["test/acct_1:webhook", "test/acct_1/acct_2:webhook", "test:webhook"]


@pytest.mark.parametrize("seconds", [-299, 0, 299])
async def test_a_signature_within_five_minutes_is_fresh(front: Front, seconds: int) -> None:
    body = subscription_event()
    assert (await front.post(body, front.sign(body, at=seconds))).status == 200


async def test_any_of_several_signatures_may_fit(front: Front) -> None:
    body = subscription_event()
    assert (await front.post(body, front.sign(body, "whsec_other", SECRET))).status == 200


async def test_the_previous_secret_is_tried_as_well(front: Front) -> None:
    front.secrets.known = (SECRET, OLD_SECRET)
    body = subscription_event()
    assert (await front.post(body, front.sign(body, OLD_SECRET))).status == 200


async def test_a_rolled_secret_is_read_again(front: Front) -> None:
    front.secrets.known = (OLD_SECRET,)
    assert (await front.post(subscription_event())).status == 200
    assert front.secrets.reads == 1


def _forgeries(front: Front) -> dict[str, str | None]:
    body = subscription_event()
    good = front.sign(body)
    time, _, rest = good.partition(",")
    return {
        "none": None,
        "empty": "",
        "another secret": front.sign(body, "whsec_other"),
        "another body": front.sign(body + " "),
        "stale": front.sign(body, at=-301),
        "from the future": front.sign(body, at=301),
        "only the test scheme": good.replace("v1=", "v0="),
        "not ASCII": f"{time},v1=é{rest}",
        "no time": rest,
        "time in words": f"t=now,{rest}",
        "time in other digits": f"t=\u0661\u0667\u0660\u0660,{rest}",
        "two times": f"{time},{good}",
        "a stale time dressed up": front.sign(body, at=-1000).replace(",", "=x," + time + ",", 1),
        "upper case": good.upper(),
        "enormous": good + "," * 5000,
    }


@pytest.mark.parametrize("name", _forgeries(Front()))
async def test_a_request_that_stripe_did_not_sign_leaves_no_trace(front: Front, name: str) -> None:
    accepted = await front.post(subscription_event(), _forgeries(front)[name], signed=False)
    assert (accepted.status, accepted.metric) == (400, Metric.SIGNATURE_FAILURES)
    assert (front.queue.waiting, front.queue.quarantined) == ([], [])
    assert "whsec" not in accepted.reason


async def test_a_body_that_is_too_large_is_not_even_hashed(front: Front) -> None:
    accepted = await front.post("x" * (MAX_BODY + 1), signed=False)
    assert accepted.status == 413


async def test_each_secret_is_tried_once(front: Front) -> None:
    front.secrets.known, front.secrets.stored = ("whsec_a", "whsec_b"), ("whsec_b", "whsec_c")
    tried: list[str] = []

    def count(text: str, header: str, secret: str) -> bool:
        tried.append(secret)
        return is_signed(text, header, secret)

    body = subscription_event()
    dependencies = IngestDependencies(front.clock, front.queue, front.secrets, count)
    assert (await accept(body.encode(), front.sign(body, "whsec_d"), dependencies)).status == 400
    assert tried == ["whsec_a", "whsec_b", "whsec_c"]


async def test_a_body_of_the_largest_size_is_judged(front: Front) -> None:
    body = subscription_event()
    assert (await front.post(body + " " * (MAX_BODY - len(body)))).status == 200


async def test_a_body_that_is_not_utf8_is_refused(front: Front) -> None:
    accepted = await front.post(b"\xff", front.sign("x"))
    assert (accepted.status, accepted.reason) == (400, "the body is not UTF-8")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '{"object": "event"}',
        "{",
        subscription_event(context="not-an-account"),
        snapshot("customer.updated", {"object": "customer"}, account="not-an-account"),
        subscription_event(related_object={"id": "rcds_1", "type": "v2.billing.rate_card_subscription"}),
        json.dumps({"source": "aws.partner/stripe.com/ed_1", "detail": json.loads(subscription_event())}),
        "[" * 100_000,
    ],
)
async def test_a_signed_body_that_is_no_event_is_kept_with_its_reason(front: Front, body: str) -> None:
    accepted = await front.post(body)
    assert (accepted.status, accepted.metric) == (200, Metric.QUARANTINED)
    assert front.queue.quarantined == [(body, accepted.reason)]
    assert front.queue.waiting == []


@pytest.mark.parametrize("body", [subscription_event(), "null"])
async def test_a_failing_queue_makes_stripe_retry(front: Front, body: str) -> None:
    front.queue.down = True
    assert (await front.post(body)).status == 503


async def test_unavailable_secrets_make_stripe_retry(front: Front) -> None:
    front.secrets.down = True
    accepted = await front.post(subscription_event())
    assert (accepted.status, accepted.metric) == (503, Metric.UNAVAILABLE)


@pytest.mark.parametrize("source", ["3.18.12.63", "10.1.2.3"])
async def test_a_request_from_a_named_address_is_judged_by_its_signature(front: Front, source: str) -> None:
    front.sources = "3.18.12.63, 10.0.0.0/8"
    assert (await front.post(subscription_event(), source=source)).status == 200
    assert (await front.post(subscription_event(), "t=1,v1=0", source=source)).status == 400


@pytest.mark.parametrize("source", ["3.18.12.64", "", "x", "::1", "3.18.12.63.example.com"])
async def test_a_request_from_another_address_is_refused_before_any_work(front: Front, source: str) -> None:
    front.sources = "3.18.12.63, 10.0.0.0/8"
    refused = await front.post(subscription_event(), source=source)
    assert (refused.status, refused.reason) == (403, FORBIDDEN)
    assert (front.queue.waiting, front.secrets.reads) == ([], 0)


@pytest.mark.parametrize("text", ["stripe.com", "3.18.12", "10.0.0.1/8", "1.2.3.4/33"])
def test_sources_that_are_no_addresses_stop_the_function(text: str) -> None:
    with pytest.raises(ConfigurationError, match="WEBHOOK_SOURCES"):
        networks_in(text)
