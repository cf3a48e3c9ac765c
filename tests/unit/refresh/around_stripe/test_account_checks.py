"""How a key is checked: what the check asks, what it keeps, and what it makes of each answer."""

from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import PermissionDenied, TransientError, Unauthorized, WrongAccount
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.account import PIN_PARTITION, PIN_SORT_KEY
from billing_mirror.core.table.items import Item
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.refresh.around_stripe.account import OWN_ACCOUNT, AccountGuard
from tests.doubles.clock import ManualClock
from tests.doubles.samples import customer, event
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import Harness

TEST = Scope(livemode=False)
ACCOUNTS = {"first": "acct_1", "second": "acct_1", "foreign": "acct_2"}
"""The account of each key."""


@dataclass
class KeyedAccounts(MemoryStripe):
    """Stripe with a key that may be replaced between a check and its request."""

    next_key: str = ""
    """The key that the secret holds from the next request on that is not about the account."""
    checks: list[StripeRequest] = field(default_factory=list)
    """All requests that may be refused."""
    asks: bool = True
    """Whether the key may ask for its account."""

    async def get(self, request: StripeRequest) -> StripeResponse:
        if self.next_key and request.path != OWN_ACCOUNT:
            self.key, self.next_key = self.next_key, ""
        if request.path == OWN_ACCOUNT or request.may_be_refused:
            self.checks.append(request)
        if request.path == OWN_ACCOUNT and not self.asks:
            raise PermissionDenied("Stripe answered 403")
        if OWN_ACCOUNT in self.objects:
            self.objects[OWN_ACCOUNT] = {"id": ACCOUNTS[self.key], "object": "account"}
        return await super().get(request)


@dataclass
class CountedStateStore(MemoryStateStore):
    """A state store that counts its reads of the pin."""

    reads: int = 0

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        self.reads += partition == PIN_PARTITION
        return await super().last(scope, partition, start)


def product(number: int) -> JsonObject:
    return {"id": f"prod_{number}", "object": "product", "created": 1_600_000_000 + number, "livemode": False}


def request(number: int = 0) -> StripeRequest:
    return StripeRequest(f"/v1/products/prod_{number}", ApiChannel.GA, context=None)


class Guarded:
    """A mirror that the key "first" has filled with products, and a guard as in a new container."""

    def __init__(self) -> None:
        self.stripe = KeyedAccounts(objects={OWN_ACCOUNT: {}})
        self.state_store = CountedStateStore()
        self.harness = Harness(clock=ManualClock(), stripe=self.stripe, state_store=self.state_store)

    async def filled(self, *bodies: JsonObject) -> AccountGuard:
        self.harness.guard()
        for body in bodies or (product(0),):
            path = f"/v1/{body['object']}s/{body['id']}"
            self.stripe.objects[path] = body
            await self.harness.deliver(event(f"v1.{body['object']}.updated", body, url=path))
        return self.new_container()

    def new_container(self) -> AccountGuard:
        self.harness.guard()
        self.stripe.checks.clear()
        self.stripe.requests.clear()
        self.state_store.reads = 0
        assert self.harness.account is not None
        return self.harness.account

    async def pin(self) -> Item | None:
        return await self.state_store.last(TEST, PIN_PARTITION, PIN_SORT_KEY)


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


@pytest.mark.parametrize("key", ["first", "second"])
async def test_a_container_reads_the_pin_once(guarded: Guarded, key: str) -> None:
    guard = await guarded.filled()
    guarded.stripe.key = key
    for _ in range(3):
        await guard.get(request())
    assert guarded.state_store.reads == 1


async def test_a_key_that_is_replaced_before_its_request_is_checked_and_used(guarded: Guarded) -> None:
    guard = await guarded.filled()
    await guard.confirm()
    guarded.stripe.next_key = "second"
    assert (await guard.get(request())).body["id"] == "prod_0"
    assert await guarded.pin() == {"account": "acct_1", "key_digest": "second"}


async def test_a_foreign_key_that_comes_before_the_request_is_not_used(guarded: Guarded) -> None:
    guard = await guarded.filled()
    await guard.confirm()
    guarded.stripe.next_key = "foreign"
    with pytest.raises(WrongAccount):
        await guard.get(request())
    assert guarded.stripe.paths == [OWN_ACCOUNT]


async def test_of_two_first_keys_the_one_that_is_stored_first_stays(guarded: Guarded) -> None:
    """Two containers find no pin; their keys are of different accounts."""
    guarded.stripe.key = "foreign"
    guard = guarded.new_container()

    async def other_container(partition: str) -> None:
        guarded.state_store.before_write = None
        pin: Item = {"account": "acct_1", "key_digest": "first"}
        await guarded.state_store.write(TEST, partition, PIN_SORT_KEY, pin)

    guarded.state_store.before_write = other_container
    with pytest.raises(WrongAccount):
        await guard.confirm()
    assert await guarded.pin() == {"account": "acct_1", "key_digest": "first"}


async def test_the_account_stays_known_where_a_new_key_may_not_ask_for_it(guarded: Guarded) -> None:
    guard = await guarded.filled()
    guarded.stripe.key, guarded.stripe.asks = "second", False
    await guard.confirm()
    assert await guarded.pin() == {"account": "acct_1", "key_digest": "second"}


async def test_a_whole_type_may_be_gone(guarded: Guarded) -> None:
    guard = await guarded.filled(*(product(number) for number in range(6)), customer())
    for number in range(6):
        del guarded.stripe.objects[f"/v1/products/prod_{number}"]
    guarded.stripe.key, guarded.stripe.asks = "second", False
    assert await guard.confirm() == "second"


async def test_an_account_that_is_not_found_says_nothing(guarded: Guarded) -> None:
    guard = await guarded.filled()
    del guarded.stripe.objects[OWN_ACCOUNT]
    guarded.stripe.key = "second"
    assert await guard.confirm() == "second"
    assert await guarded.pin() == {"account": "acct_1", "key_digest": "second"}


async def test_a_key_that_may_read_nothing_is_checked_again_at_the_next_request(guarded: Guarded) -> None:
    guard = await guarded.filled()
    guarded.stripe.key, guarded.stripe.asks = "second", False
    guarded.stripe.failures = [PermissionDenied("Stripe answered 403")] * 2
    with pytest.raises(PermissionDenied):
        await guard.get(request())
    assert (await guarded.pin() or {})["key_digest"] == "first"
    await guard.get(request())
    assert (await guarded.pin() or {})["key_digest"] == "second"


async def test_a_key_that_stripe_refuses_is_checked_as_soon_as_it_is_accepted(guarded: Guarded) -> None:
    guard = await guarded.filled()
    guarded.stripe.key = "foreign"
    guarded.stripe.failures = [Unauthorized("Stripe answered 401")]
    with pytest.raises(Unauthorized):
        await guard.get(request())
    with pytest.raises(WrongAccount):
        await guard.get(request())


async def test_a_foreign_key_that_stripe_refuses_for_a_moment_asks_for_nothing_else(guarded: Guarded) -> None:
    guard = await guarded.filled()
    guarded.stripe.key = "foreign"
    guarded.stripe.failures = [Unauthorized("Stripe answered 401")]
    guarded.stripe.checks.clear()
    with pytest.raises(Unauthorized):
        await guard.get(request())
    assert [one.path for one in guarded.stripe.checks] == [OWN_ACCOUNT]


async def test_the_check_names_the_key_that_it_checks_and_expects_refusals(guarded: Guarded) -> None:
    """A refusal of the check is no missing permission that a person has to grant."""
    guard = await guarded.filled()
    guarded.stripe.key, guarded.stripe.asks = "second", False
    await guard.confirm()
    assert [one.path for one in guarded.stripe.checks] == [OWN_ACCOUNT, "/v1/products/prod_0"]
    assert {(one.key_digest, one.may_be_refused) for one in guarded.stripe.checks} == {("second", True)}


async def test_live_and_test_mode_have_pins_of_their_own(guarded: Guarded) -> None:
    await guarded.filled()
    guarded.stripe.livemode, guarded.stripe.key = True, "foreign"
    assert await guarded.new_container().confirm() == "foreign"
    assert await guarded.state_store.last(Scope(livemode=True), PIN_PARTITION, PIN_SORT_KEY) is not None
    assert await guarded.pin() == {"account": "acct_1", "key_digest": "first"}


async def test_the_sample_has_no_types_that_stripe_does_not_list(guarded: Guarded) -> None:
    """Of such a type nothing shows later that it was there at all."""
    path = "/v2/billing/service_actions/svca_1"
    guarded.stripe.objects[path] = {"id": "svca_1", "object": "v2.billing.service_action", "livemode": False}
    await guarded.filled()
    wanted = RefreshRequest(livemode=False, type="v2.billing.service_action", id="svca_1")
    await guarded.harness.deliver(write_message(wanted))
    assert "svca_1" in str(guarded.harness.mirror.objects.keys())
    guard = guarded.new_container()
    guarded.stripe.key, guarded.stripe.asks = "second", False
    del guarded.stripe.objects["/v1/products/prod_0"]
    with suppress(TransientError):
        await guard.confirm()
    assert [one.path for one in guarded.stripe.checks] == [OWN_ACCOUNT, "/v1/products/prod_0"]
