"""The deployed bundle end to end: the table matches Stripe, whatever fails on the way."""

import threading
import time

import pytest

from billing_mirror.core.json_body import canonical

from .conftest import PATIENCE, Bundle, Quarantined, Shop, dump, eventually, subscription_event

SUBSCRIPTION = "v2.billing.rate_card_subscription"
RATE = "v2.billing.rate_card_rate"
CANARY = "canary-in-a-body"


def require_equal(bundle: Bundle) -> None:
    comparison = bundle.wait_until_equal()
    assert comparison.differences == []
    assert comparison.objects > 0


def status(bundle: Bundle, subscription: str) -> object:
    found = bundle.reader.get(subscription)
    return found.body["servicing_status"] if found else None


def test_a_change_at_stripe_is_in_the_table(bundle: Bundle, shop: Shop) -> None:
    first, second = shop.subscriptions(2)
    bundle.stripe.transition(first, "past_due")
    bundle.stripe.transition(second, "canceled")
    require_equal(bundle)
    past_due = [*bundle.reader.by_collection_status(SUBSCRIPTION, "past_due")]
    assert first in [one.id for one in past_due]
    assert second in [one.id for one in bundle.reader.by_status(SUBSCRIPTION, "canceled")]


def test_a_change_is_read_after_it_was_made(bundle: Bundle, shop: Shop) -> None:
    """Also where the fetch for the event started before the reader's call: then the reader asks for another."""
    subscription = shop.subscription()
    require_equal(bundle)
    reader = bundle.refreshing_reader()
    bundle.stripe.transition(subscription, "canceled")
    assert reader.wait_for(subscription, timeout=PATIENCE).body["servicing_status"] == "canceled"


def test_a_refresh_is_requested_where_no_event_arrives(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription()
    require_equal(bundle)
    before = bundle.reader.get(subscription)
    assert before is not None
    assert bundle.refreshing_reader().wait_for(subscription, timeout=PATIENCE).token > before.token


def test_every_query_of_the_reader_finds_a_subscription(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription()
    require_equal(bundle)
    found = bundle.reader.get(subscription)
    assert found is not None
    cadence = bundle.reader.get(str(found.body["billing_cadence"]))
    assert cadence is not None
    payer = cadence.body["payer"]
    assert isinstance(payer, dict)
    subscriptions = [*bundle.reader.by_customer(str(payer["customer"]), SUBSCRIPTION)]
    assert [one.id for one in subscriptions] == [subscription]
    assert [one.id for one in bundle.reader.children(shop.card, SUBSCRIPTION)] == [subscription]
    assert len([*bundle.reader.children(shop.card, RATE)]) == 2


def test_duplicated_delayed_and_reordered_events_change_nothing(bundle: Bundle, shop: Shop) -> None:
    bundle.stripe.faults(
        duplicate={"probability": 0.5, "copies": 3},
        reorder={"probability": 0.5, "window": 4},
        delay={"probability": 0.3, "seconds": [0.1, 1.0]},
    )
    for subscription in shop.subscriptions(6):
        for state in ("paused", "active", "past_due", "current"):
            bundle.stripe.transition(subscription, state)
    require_equal(bundle)


def test_an_outage_of_stripe_ends_without_intervention(bundle: Bundle, shop: Shop) -> None:
    bundle.stripe.faults(api=[{"status": "503html"}])
    subscription = shop.subscription()
    bundle.stripe.settle()
    event = next(
        one["id"] for one in bundle.stripe.events() if (one.get("related_object") or {}).get("id") == subscription
    )
    assert "postponed" in eventually(lambda: bundle.outcomes(event))
    assert bundle.reader.get(subscription) is None
    bundle.stripe.clear_faults()
    require_equal(bundle)
    assert bundle.take_quarantined() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "reason": "endpoint-rate"},
        {"status": 409},
        {"status": 500},
        {"body": "truncated"},
        {"body": "reset"},
    ],
    ids=str,
)
def test_a_short_failure_of_stripe_loses_no_event(bundle: Bundle, shop: Shop, fault: dict[str, object]) -> None:
    bundle.stripe.faults(api=[{**fault, "count": 3}])
    shop.subscription()
    require_equal(bundle)
    assert bundle.take_quarantined() == []


def test_an_invalid_event_ends_in_quarantine_and_its_neighbours_in_the_table(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription()
    require_equal(bundle)
    url = f"/v2/billing/rate_card_subscriptions/{subscription}/../x"
    invalid = subscription_event(subscription)
    invalid["related_object"]["url"] = url
    bundle.stripe.transition(subscription, "paused")
    event = bundle.stripe.emit(invalid)
    bundle.stripe.transition(subscription, "past_due")
    taken = eventually(bundle.take_quarantined)
    assert [one.reason for one in taken] == ["the related object's URL is not the URL of its type and id"]
    assert event in taken[0].body
    require_equal(bundle)
    assert bundle.outcomes(event) == ["quarantined"]


def test_an_event_of_an_object_without_permission_ends_in_quarantine(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription()
    require_equal(bundle)
    prefix = "/v2/billing/rate_card_subscriptions"
    bundle.stripe.faults(api=[{"status": 403, "path_prefix": prefix}])
    bundle.stripe.emit(subscription_event(subscription))
    [taken] = eventually(bundle.take_quarantined)
    assert "403" in taken.reason


def test_a_live_event_with_a_test_key_is_ignored(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription()
    require_equal(bundle)
    event = bundle.stripe.emit(subscription_event(subscription, livemode=True))
    assert eventually(lambda: bundle.outcomes(event)) == ["other_mode"]


def test_a_signed_body_that_is_no_event_ends_in_quarantine(bundle: Bundle) -> None:
    body = '{"object": "nonsense"}'
    answer = bundle.post(body, bundle.sign(body))
    assert answer.status_code == 200
    [taken] = eventually(bundle.take_quarantined)
    assert taken == Quarantined(body, answer.json()["reason"])


def test_a_ping_is_ignored(bundle: Bundle) -> None:
    event = bundle.stripe.ping()
    assert eventually(lambda: bundle.outcomes(event)) == ["ignored"]


@pytest.mark.parametrize("case", ["unsigned", "forged", "stale", "from the future", "too large", "not UTF-8"])
def test_a_request_that_is_not_from_stripe_is_refused_and_not_logged(bundle: Bundle, case: str) -> None:
    event = subscription_event("rcds_test_forged", note=CANARY)
    body: str | bytes = dump(event)
    assert isinstance(body, str)
    header: str | None = {
        "unsigned": None,
        "forged": bundle.sign(body + " "),
        "stale": bundle.sign(body, at=time.time() - 400),
        "from the future": bundle.sign(body, at=time.time() + 400),
        "too large": bundle.sign(body),
        "not UTF-8": bundle.sign(body),
    }[case]
    if case == "too large":
        body += " " * (6 * 1024 * 1024)
    if case == "not UTF-8":
        body = body.encode() + b"\xff"
    answer = bundle.post(body, header)
    assert answer.status_code == (413 if case == "too large" else 400)
    assert list(answer.json()) == ["reason"]
    assert "\n" not in answer.text
    # What was sent later is done: so this would be, had it entered the queue.
    later = bundle.stripe.ping()
    assert eventually(lambda: bundle.outcomes(later)) == ["ignored"]
    assert bundle.outcomes(event["id"]) == []
    assert bundle.take_quarantined() == []
    logged = bundle.log_text()
    assert CANARY not in logged
    assert bundle.endpoints.signing_secret not in logged


def test_a_rate_that_a_new_version_lacks_becomes_a_tombstone(bundle: Bundle, shop: Shop) -> None:
    require_equal(bundle)
    rate = next(iter(bundle.reader.children(shop.card, RATE))).id
    bundle.stripe.remove(rate)
    require_equal(bundle)
    removed = bundle.reader.get(rate)
    assert removed is not None
    assert removed.deleted
    assert rate not in [one.id for one in bundle.reader.children(shop.card, RATE)]


def test_reconcile_repairs_changes_without_events(bundle: Bundle, shop: Shop) -> None:
    changed, canceled = shop.subscriptions(2)
    require_equal(bundle)
    assert eventually(bundle.queue_is_empty), "an event on its way would show what no event announces"
    bundle.stripe.update(changed, {"metadata": {"plan": "gold"}}, without_event=True)
    bundle.stripe.transition(canceled, "canceled", without_event=True)
    missing = shop.subscription(servicing_status="pending")
    bundle.stripe.settle()
    run = bundle.reconcile(SUBSCRIPTION)
    found = {one.id: (one.difference, one.fields) for one in bundle.drifts(run)}
    assert found[changed] == ("different", ("metadata",))
    assert found[canceled][0] == "different"
    assert found[missing] == ("missing", ())
    assert (run.status, run.counts.unresolved, run.counts.repaired) == ("complete", 0, run.counts.found)
    require_equal(bundle)
    assert bundle.reconcile(SUBSCRIPTION).counts.found == 0


def test_a_stale_list_is_a_false_alarm_for_reconcile(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription()
    require_equal(bundle)
    bundle.reconcile(SUBSCRIPTION)
    bundle.stripe.faults(stale_lists={"changes": 2, "path_prefix": "/v2/billing/rate_card_subscriptions"})
    bundle.stripe.transition(subscription, "paused")
    require_equal(bundle)
    run = bundle.reconcile(SUBSCRIPTION)
    assert (run.counts.found, run.counts.false_alarms) == (0, 1)
    assert status(bundle, subscription) == "paused"


def test_a_slow_stale_answer_never_replaces_a_newer_one(bundle: Bundle, shop: Shop) -> None:
    """Two containers at once: the first one's answer takes two seconds, and Stripe changes the object meanwhile."""
    subscription = shop.subscription()
    require_equal(bundle)
    path = f"/v2/billing/rate_card_subscriptions/{subscription}"
    bundle.stripe.faults(api=[{"path_prefix": path, "slow": 2.0, "count": 1}])
    bundle.stripe.transition(subscription, "paused")
    reconciling = threading.Thread(target=bundle.reconcile, args=(SUBSCRIPTION,))
    time.sleep(0.7)
    bundle.stripe.transition(subscription, "canceled")
    reconciling.start()
    reconciling.join()
    require_equal(bundle)
    assert status(bundle, subscription) == "canceled"


def test_the_reader_returns_the_body_that_stripe_sent(bundle: Bundle, shop: Shop) -> None:
    subscription = shop.subscription(metadata={"größe": "😀", "empty": "", "long": "x" * 400})
    require_equal(bundle)
    found = bundle.reader.get(subscription)
    [truth] = [one for one in bundle.stripe.objects(SUBSCRIPTION) if one["id"] == subscription]
    assert found is not None
    assert canonical(found.body) == canonical(truth["body"])
