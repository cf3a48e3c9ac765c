"""A key of another Stripe account is never used."""

import pytest

from billing_mirror.core.catalog import TYPES, ApiChannel
from billing_mirror.core.errors import PermissionDenied, TransientError, Unauthorized, WrongAccount
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.run import Job
from billing_mirror.core.stripe_api.account import PIN_PARTITION, PIN_SORT_KEY, SENTENCE
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.around_stripe.account import OWN_ACCOUNT, REFUSED_FOR
from tests.doubles.samples import event
from tests.unit.harness import Harness

PRODUCT = TYPES["product"]
SCOPE = Scope(livemode=False)


def product(number: int) -> JsonObject:
    return {"id": f"prod_{number}", "object": "product", "created": 1_600_000_000 + number, "livemode": False}


def updated(number: int, name: str = "evt") -> str:
    path = f"/v1/products/prod_{number}"
    return event("v1.product.updated", product(number), url=path, identifier=f"{name}_{number}")


async def filled(count: int = 3) -> Harness:
    """A mirror that was filled with the key "first" of acct_1."""
    harness = Harness()
    harness.stripe.objects = {f"/v1/products/prod_{number}": product(number) for number in range(count)}
    harness.stripe.objects[OWN_ACCOUNT] = {"id": "acct_1", "object": "account"}
    harness.stripe.lists["/v1/products"] = [product(number) for number in range(count)]
    harness.guard()
    await harness.deliver(*(updated(number) for number in range(count)))
    harness.clock.advance(100)
    harness.stripe.requests.clear()
    return harness


def use_other_account(harness: Harness) -> list[str]:
    """The secret now holds a key of acct_2, which has one product of its own; a new container starts."""
    harness.stripe.key = "foreign"
    harness.stripe.objects = {"/v1/products/prod_9": product(9), OWN_ACCOUNT: {"id": "acct_2", "object": "account"}}
    harness.stripe.lists = {"/v1/products": [product(9)]}
    return harness.guard()


def forbid_to_ask(harness: Harness) -> None:
    async def refuse(path: str) -> None:
        if path == OWN_ACCOUNT:
            raise PermissionDenied("Stripe answered 403")

    harness.stripe.before_answer = refuse


def bodies(harness: Harness) -> int:
    return sum(not item.get("deleted") for item in harness.mirror.objects.values())


@pytest.mark.parametrize("may_ask", [True, False])
async def test_process_postpones_everything_and_writes_nothing(*, may_ask: bool) -> None:
    harness = await filled()
    refusals = use_other_account(harness)
    if not may_ask:
        forbid_to_ask(harness)
    before, claims = dict(harness.mirror.objects), dict(harness.mirror.counters)
    results = await harness.deliver(updated(0, "evt_later"), updated(9), "unreadable")
    assert harness.mirror.counters == claims
    assert {(one.outcome, one.reason) for one in results} == {(Outcome.POSTPONED, SENTENCE)}
    assert (harness.mirror.objects, harness.queue.quarantined, refusals) == (before, [], ["foreign"])


@pytest.mark.parametrize("may_ask", [True, False])
@pytest.mark.parametrize("job", [Job.VERIFY, Job.BACKFILL])
async def test_a_run_waits_with_a_reason_and_writes_nothing(job: Job, *, may_ask: bool) -> None:
    harness = await filled()
    refusals = use_other_account(harness)
    if not may_ask:
        forbid_to_ask(harness)
    before = dict(harness.mirror.objects)
    run = await harness.run_now(PRODUCT, job=job)
    assert (run.complete, run.reason, run.failures) == (False, SENTENCE, 1)
    assert (harness.mirror.objects, refusals) == (before, ["foreign"])


async def test_a_key_that_is_replaced_amid_a_run_is_checked_before_its_first_use() -> None:
    harness = await filled()
    await harness.run_now(PRODUCT)
    pages = 0

    async def replace_key(path: str) -> None:
        nonlocal pages
        pages += path.startswith("/v1/products?")
        if pages == 1:
            harness.stripe.key = "foreign"
            harness.stripe.objects = {OWN_ACCOUNT: {"id": "acct_2", "object": "account"}}

    harness.stripe.page_size = 1
    harness.stripe.before_answer = replace_key
    before = dict(harness.mirror.objects)
    run = await harness.run_now(PRODUCT)
    assert (run.complete, run.reason, harness.mirror.objects) == (False, SENTENCE, before)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(TransientError("Stripe answered 503"), "Stripe answered 503"), (None, SENTENCE)],
    ids=["the account is not known yet", "a wrong key"],
)
async def test_the_log_of_a_message_that_waits_for_the_account_names_its_event(
    answer: Exception | None, reason: str
) -> None:
    """It is postponed before it is worked on; a search of the log for the event must find it all the same."""
    harness = await filled()
    use_other_account(harness)
    harness.stripe.failures = [answer] if answer else []
    [result] = await harness.deliver(updated(9, "evt_waiting"))
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, reason)
    assert isinstance(result.item.message, Notification)
    assert (result.item.message.id, result.item.ref) == ("evt_waiting_9", None), "and nothing is fetched for it"
    assert [path for path in harness.stripe.paths if path.startswith("/v1/products")] == []


@pytest.mark.parametrize("may_ask", [True, False])
async def test_a_new_key_of_the_same_account_needs_nothing(*, may_ask: bool) -> None:
    harness = await filled()
    harness.stripe.key = "second"
    if not may_ask:
        forbid_to_ask(harness)
    refusals = harness.guard()
    [result] = await harness.deliver(updated(0, "evt_later"))
    assert (result.outcome, refusals) == (Outcome.UNCHANGED, [])
    harness.guard()
    harness.stripe.requests.clear()
    await harness.deliver(updated(1, "evt_later"))
    assert OWN_ACCOUNT not in harness.stripe.paths, "the second key is pinned"


async def test_the_pinned_key_costs_no_request() -> None:
    harness = await filled()
    harness.guard()
    await harness.deliver(updated(0, "evt_a"))
    await harness.deliver(updated(1, "evt_b"))
    assert harness.stripe.paths == ["/v1/products/prod_0", "/v1/products/prod_1"]


async def test_the_pin_holds_the_account_and_no_key() -> None:
    harness = await filled()
    assert await harness.state_store.last(SCOPE, PIN_PARTITION, PIN_SORT_KEY) == {
        "account": "acct_1",
        "key_digest": "first",
    }


async def test_one_deleted_object_does_not_make_a_key_foreign() -> None:
    harness = await filled()
    forbid_to_ask(harness)
    del harness.stripe.objects["/v1/products/prod_0"]
    harness.stripe.key = "second"
    assert harness.guard() == []
    [result] = await harness.deliver(updated(1, "evt_later"))
    assert result.outcome is Outcome.UNCHANGED


async def test_a_corrected_key_is_used_by_the_same_container() -> None:
    harness = await filled()
    objects = dict(harness.stripe.objects)
    use_other_account(harness)
    assert [one.outcome for one in await harness.deliver(updated(0, "evt_later"))] == [Outcome.POSTPONED]
    harness.stripe.key, harness.stripe.objects = "third", objects
    harness.clock.advance(2000)
    assert [one.outcome for one in await harness.work()] == [Outcome.UNCHANGED]


async def test_a_refused_key_is_checked_again_after_a_minute() -> None:
    harness = await filled()
    refusals = use_other_account(harness)
    guard = harness.account
    assert guard is not None
    for _ in range(3):
        with pytest.raises(WrongAccount):
            await guard.confirm()
    assert (harness.stripe.paths, len(refusals)) == ([OWN_ACCOUNT], 3)
    harness.clock.advance(REFUSED_FOR)
    harness.state_store.partitions.clear()  # an operator has deleted the pin
    assert await guard.confirm() == "foreign"


async def test_a_key_that_stripe_refuses_is_not_pinned_and_reported_as_before() -> None:
    harness = await filled()
    harness.stripe.key = "revoked"
    harness.guard()
    harness.stripe.failures = [Unauthorized("Stripe answered 401")] * 10
    [result] = await harness.deliver(updated(0, "evt_later"))
    assert (result.outcome, result.reason) == (Outcome.QUARANTINED, "Stripe answered 401")
    pin = await harness.state_store.last(SCOPE, PIN_PARTITION, PIN_SORT_KEY)
    assert pin is not None
    assert pin["key_digest"] == "first"


async def test_an_outage_during_the_check_postpones() -> None:
    harness = await filled()
    use_other_account(harness)
    harness.stripe.failures = [TransientError("Stripe answered 500")]
    [result] = await harness.deliver(updated(0, "evt_later"))
    assert (result.outcome, result.reason) == (Outcome.POSTPONED, "Stripe answered 500")


async def test_a_request_passes_with_the_confirmed_key() -> None:
    harness = await filled()
    assert harness.account is not None
    answer = await harness.account.get(StripeRequest("/v1/products/prod_1", ApiChannel.GA, context=None))
    assert answer.body["id"] == "prod_1"
    assert harness.account.livemode is False
    assert harness.account.version(ApiChannel.GA) == harness.stripe.version(ApiChannel.GA)


async def test_a_key_of_an_organization_does_not_replace_that_of_an_account() -> None:
    harness = await filled()
    harness.stripe.key, harness.stripe.has_own_account = "organization", False
    refusals = harness.guard()
    [result] = await harness.deliver(updated(0, "evt_later"))
    assert (result.outcome, result.reason, refusals) == (Outcome.POSTPONED, SENTENCE, ["organization"])


async def test_a_key_of_an_organization_is_pinned_without_a_request() -> None:
    harness = Harness()
    harness.stripe.has_own_account = False
    harness.stripe.objects["/v1/products/prod_1"] = product(1)
    harness.guard()
    body = event("v1.product.updated", product(1), url="/v1/products/prod_1", context="acct_1")
    [result] = await harness.deliver(body)
    assert (result.outcome, harness.stripe.paths) == (Outcome.STORED, ["/v1/products/prod_1"])
