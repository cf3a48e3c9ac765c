"""While a preview is switched off, every URL of it answers 404: process removes nothing, and loses nothing."""

import pytest

from billing_mirror.core.errors import FeatureUnavailable, PermissionDenied, RequestRefused, TransientError
from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import event, rate_card, version
from tests.unit.harness import Harness

CARDS = "/v2/billing/rate_cards"
LIST = f"{CARDS}?limit=100"


def card(number: int) -> str:
    return f"rcd_{number}"


def updated(harness: Harness, number: int, *, age: float = 0.0, word: str = "updated") -> str:
    url = f"{CARDS}/{card(number)}"
    at = harness.clock.now() - age
    return event(f"v2.billing.rate_card.{word}", rate_card(card(number)), url=url, at=at)


async def mirror_cards(harness: Harness, count: int) -> None:
    """Both sides have these rate cards."""
    made = [rate_card(card(number)) for number in range(count)]
    harness.stripe.objects |= {f"{CARDS}/{body['id']}": body for body in made}
    harness.stripe.lists[CARDS] = made
    await harness.deliver(*(updated(harness, number) for number in range(count)))
    harness.clock.advance(1000)


def switch_off(harness: Harness) -> tuple[dict[str, JsonObject], dict[str, list[JsonObject]]]:
    """Stripe shows nothing any more; returns what it has shown."""
    shown = harness.stripe.objects, harness.stripe.lists
    harness.stripe.objects, harness.stripe.lists = {}, {}
    return shown


def tombstones(harness: Harness) -> int:
    return sum(item.get("deleted") is True for item in harness.mirror.objects.values())


async def test_events_remove_nothing_and_wait(harness: Harness) -> None:
    await mirror_cards(harness, 40)
    shown = switch_off(harness)
    ended = await harness.deliver(*(updated(harness, number, age=100) for number in range(40)))
    assert {one.outcome for one in ended} == {Outcome.POSTPONED}
    assert "does not show v2.billing.rate_card" in ended[0].reason
    assert tombstones(harness) == 0
    harness.stripe.objects, harness.stripe.lists = shown
    harness.clock.advance(1000)
    ended = await harness.work()
    assert [one.outcome for one in ended] == [Outcome.UNCHANGED] * 40


async def test_what_the_mirror_has_never_seen_waits_too(harness: Harness) -> None:
    [ended] = await harness.deliver(updated(harness, 1, age=100, word="created"))
    assert (ended.outcome, harness.mirror.objects) == (Outcome.POSTPONED, {})


async def test_a_container_asks_once_a_minute(harness: Harness) -> None:
    await mirror_cards(harness, 40)
    switch_off(harness)
    await harness.deliver(*(updated(harness, number, age=100) for number in range(40)))
    assert harness.stripe.paths.count(LIST) == 1
    harness.clock.advance(59)
    await harness.deliver(updated(harness, 1, age=100))
    assert harness.stripe.paths.count(LIST) == 1
    harness.clock.advance(1)
    await harness.deliver(updated(harness, 1, age=100))
    assert harness.stripe.paths.count(LIST) == 2


async def test_what_only_one_list_lacks_is_not_removed_either(harness: Harness) -> None:
    await mirror_cards(harness, 1)
    switch_off(harness)
    request = RefreshRequest(livemode=False, type="v2.billing.rate_card", id=card(0), unlisted=True)
    [ended] = await harness.deliver(write_message(request))
    assert (ended.outcome, tombstones(harness)) == (Outcome.POSTPONED, 0)


async def test_an_event_of_a_deletion_removes_at_once_and_asks_nothing(harness: Harness) -> None:
    await mirror_cards(harness, 1)
    switch_off(harness)
    [ended] = await harness.deliver(updated(harness, 0, word="deleted"))
    assert (ended.outcome, harness.stripe.paths.count(LIST)) == (Outcome.REMOVED, 0)


async def test_an_object_that_is_gone_while_its_preview_is_shown_is_removed(harness: Harness) -> None:
    await mirror_cards(harness, 2)
    del harness.stripe.objects[f"{CARDS}/{card(0)}"]
    [ended] = await harness.deliver(updated(harness, 0, age=100))
    assert (ended.outcome, tombstones(harness)) == (Outcome.REMOVED, 1)


async def test_the_list_of_the_owner_speaks_for_a_type_without_one(harness: Harness) -> None:
    await mirror_cards(harness, 1)
    url = f"{CARDS}/rcd_0/versions/rcdv_1"
    removed = version(rate_card_id="rcd_0")
    late = event("v2.billing.rate_card_version.updated", removed, url=url, at=harness.clock.now() - 100)
    assert [one.outcome for one in await harness.deliver(late)] == [Outcome.REMOVED]
    assert harness.stripe.paths[-1] == LIST


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (FeatureUnavailable("Stripe answered 400 (feature_not_enabled)"), Outcome.POSTPONED),
        (TransientError("Stripe answered 500"), Outcome.POSTPONED),
        (RequestRefused("Stripe answered 400 about limit"), Outcome.QUARANTINED),
        (PermissionDenied("Stripe answered 403"), Outcome.REMOVED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
async def test_a_list_that_fails_for_another_reason(harness: Harness, error: Exception, outcome: Outcome) -> None:
    """A key that may not read the list says nothing about the object; any other refusal keeps it."""
    await mirror_cards(harness, 2)
    del harness.stripe.objects[f"{CARDS}/{card(0)}"]

    async def refuse(path: str) -> None:
        if path == LIST:
            raise error

    harness.stripe.before_answer = refuse
    [ended] = await harness.deliver(updated(harness, 0, age=100))
    assert (ended.outcome, tombstones(harness)) == (outcome, outcome is Outcome.REMOVED)
