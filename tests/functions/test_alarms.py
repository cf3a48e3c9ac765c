"""Each alarm rings and ends: metrics that the functions really emit go through the alarm's own arithmetic.

The lines come from the functions, in front of moto and the stand-in. Where a value would take days to arise, the line
keeps its name and its dimensions and gets the value. What AWS measures itself has no line: its points are made here.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest
import stripe

from billing_mirror.core.events import backoff
from billing_mirror.reconcile.report import LOUD_FOR
from dev.fake_stripe.client import StandIn
from dev.sandbox.metrics.alarm_arithmetic import Points, ReadMetric, evaluate, metrics_of, period_of
from tests.doubles.samples import event, subscription_event
from tests.template.templates import BUNDLE, MONITORING, of_type, properties

from .conftest import SECRET, Context, Load

ALARMS = of_type("AWS::CloudWatch::Alarm", MONITORING)
DAY, HOUR = 86_400.0, 3_600.0
Key: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]

# By alarm, what the metrics are while all is well and while it is not, by their id in the expression ("" for an alarm
# on one metric). None: no point, as CloudWatch has none of what did not happen.
RINGING: Mapping[str, tuple[Mapping[str, float | None], Mapping[str, float | None]]] = {
    "QuarantineNotEmpty": ({"": 0}, {"": 1}),
    "QuarantineOld": ({"": 0}, {"": 1}),
    "QuarantineExpires": ({"": 3600}, {"": 12.1 * DAY}),
    "QueueTooOld": ({"age": 4, "filling": 0}, {"age": 301, "filling": 0}),
    "MessagesPostponed": ({"delay": 900, "filling": 0}, {"delay": 300_001, "filling": 0}),
    "MessagesExpire": ({"": 900}, {"": 8.1 * DAY * 1000}),
    "QueueUnread": ({"waiting": 5, "invoked": 2}, {"waiting": 5, "invoked": None}),
    "DriftUnresolved": ({"": 0}, {"": 1}),
    "UnstorableNoticed": ({"": None}, {"": 1}),
    "ProcessWrongAccount": ({"": None}, {"": 1}),
    "ReconcileWrongAccount": ({"": None}, {"": 1}),
    "ProcessMissingFields": ({"": None}, {"": 1}),
    "ReconcileMissingFields": ({"": None}, {"": 1}),
    "DeletionsHeld": ({"": None}, {"": 21}),
    "RemovalsHeld": ({"": None}, {"": 1}),
    "SignatureFailures": ({"": None}, {"": 7}),
    "NoneAccepted": ({"invalid": 3, "accepted": 1}, {"invalid": 1, "accepted": None}),
    "EventsRecovered": ({"recovered": None, "delivered": 9}, {"recovered": 1, "delivered": None}),
    "EventsOftenRecovered": (
        {"recovered": None, "delivered": 9, "filling": None},
        {"recovered": 1, "delivered": 9, "filling": None},
    ),
    "WebhookCrowded": (
        {"refused": 40, "rejected": 20, "invalid": 20},
        {"refused": 40, "rejected": None, "invalid": None},
    ),
    "ProcessRefusedByStripe": ({"": None}, {"": 1}),
    "ProcessNotPermitted": ({"": None}, {"": 1}),
    "OtherModeOnly": ({"": 0}, {"": 1}),
    "ReconcileRefusedByStripe": ({"": None}, {"": 1}),
    "ReconcileSilent": ({"": 2}, {"": None}),
    "TypesFail": ({"": 0}, {"": 1}),
    "VerifyLate": ({"": 0}, {"": DAY + 1}),
    "ActivityUnproven": ({"age": DAY}, {"age": 193 * HOUR + 73 * HOUR}),
    "ConfigurationUnproven": ({"age": 8 * DAY}, {"age": 168 * HOUR + 73 * HOUR}),
    "CatalogUnproven": ({"age": None}, {"age": 168 * HOUR + 73 * HOUR}),
    "EventsUnread": ({"": 300}, {"": 25 * DAY + 1}),
    "WebhookFails": ({"": 0}, {"": 1}),
    "EventsUndelivered": ({"": None}, {"": 1}),
    "ProcessFails": ({"": 0}, {"": 1}),
    "ReconcileFails": ({"": 0}, {"": 1}),
    "FunctionsThrottled": (
        {"ingest": 0, "process": None, "reconcile": None},
        {"ingest": 0, "process": 3, "reconcile": None},
    ),
    "TableThrottled": ({"reads": None, "writes": 0}, {"reads": 3, "writes": None}),
    "NearTimeout": (
        {"ingest": 200, "process": 50_000, "reconcile": 840_000},
        {"ingest": 9800, "process": None, "reconcile": 840_000},
    ),
    "ChangesLate": ({"": 900}, {"": 300_001}),
    "ChangesUnread": ({"stored": 3, "invoked": 1}, {"stored": 3, "invoked": None}),
    "ChangesThrottled": ({"": 0}, {"": 1}),
    "ChangesNearTimeout": ({"": 110_500}, {"": 114_001}),
    "ChangesLost": ({"": 0}, {"": 1}),
}


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The blobs that functions have emitted since the last time."""
    found = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    return [blob for blob in found if "_aws" in blob]


def points_in(blobs: list[dict[str, Any]], service: str) -> dict[Key, list[float]]:
    """Their values, by metric, as CloudWatch takes them out. Tests name each function anew: its name is set back."""
    values: dict[Key, list[float]] = defaultdict(list)
    for blob in blobs:
        for directive in blob["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                given = {name: "StackName" if name == "stack" else str(blob[name]) for name in names} | {
                    "service": service
                }
                for metric in directive["Metrics"]:
                    key = (directive["Namespace"], metric["Name"], tuple(sorted(given.items())))
                    values[key] += blob[metric["Name"]]
    return values


def emitted_by_all(load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]) -> dict[Key, list[float]]:
    """What the functions emit in an ordinary hour, and while Stripe refuses them."""
    body = at_stripe.create("customer", {})
    found: dict[Key, list[float]] = {}
    ingest = load("ingest").lambda_handler
    for secret, text in (
        (SECRET, subscription_event()),
        ("whsec_other", subscription_event()),
        (SECRET, "x" * 7_000_000),
    ):
        header = stripe.WebhookSignature.generate_signature_header(text, secret, int(time.time()))
        ingest({"headers": {"stripe-signature": header}, "body": text, "isBase64Encoded": False}, Context())
    found |= points_in(lines(capsys), "ingest")
    process, reconcile = load("process").lambda_handler, load("reconcile").lambda_handler
    attributes = {"SentTimestamp": str(int(time.time() * 1000)), "ApproximateReceiveCount": "1"}

    def deliver(text: str) -> None:
        process(
            {"Records": [{"messageId": "m", "receiptHandle": "r", "body": text, "attributes": attributes}]}, Context()
        )

    deliver(event("v1.customer.updated", body, url=f"/v1/customers/{body['id']}", at=time.time()))
    for status in (401, 403):
        at_stripe.faults(api=[{"status": status}])
        deliver(subscription_event())
        at_stripe.clear_faults()
    found |= points_in(lines(capsys), "process")
    reconcile({}, Context(seconds=180))
    at_stripe.create("customer", {})
    reconcile({"job": "recover", "until_now": True}, Context(seconds=180))
    at_stripe.faults(api=[{"status": 401}])
    reconcile({"types": ["customer"]}, Context(seconds=180))
    at_stripe.clear_faults()
    return found | points_in(lines(capsys), "reconcile")


NOT_DRIVEN = {"WrongAccount", "RemovalsHeld", "MissingFields", "DeletionsHeld", "UnstorableNoticed"}
"""Emitted as other metrics of the same function are: see tests/functions/test_metrics.py and the tests of reports."""


def test_each_alarm_rings_and_ends(load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    emitted = emitted_by_all(load, at_stripe, capsys)
    assert RINGING.keys() == ALARMS.keys()
    for name, (well, ill) in RINGING.items():
        alarm = with_defaults(ALARMS[name])
        for metric in metrics_of(alarm).values():
            own = metric.namespace == "BillingMirror" and metric.name not in NOT_DRIVEN
            assert not own or metric.key in emitted, f"{name} reads {metric.key}, which no function emits"
        length = period_of(alarm) * alarm["EvaluationPeriods"]
        first = length * 10.0
        states = []
        state = "OK"
        for values, end in ((well, first), (ill, first + 2 * length), (well, first + 4 * length)):
            state = evaluate(alarm, replayed(alarm, values, end, 2 * length), end, state)
            states.append(state)
        assert states == ["OK", "ALARM", "OK"], name


def with_defaults(alarm: Mapping[str, Any]) -> Mapping[str, Any]:
    """The alarm, its expression with the defaults of the parameters that it names."""
    known = {name: str(parameter["Default"]) for name, parameter in BUNDLE["Parameters"].items()}
    stats = [
        {**one, "Expression": re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], one["Expression"]["Fn::Sub"])}
        if isinstance(one.get("Expression"), dict)
        else one
        for one in alarm.get("Metrics", [])
    ]
    return {**alarm, "Metrics": stats} if stats else alarm


def replayed(alarm: Mapping[str, Any], values: Mapping[str, float | None], end: float, length: float) -> Points:
    """One value of each metric, five times in each period, as far back as the alarm looks."""
    found: dict[Key, list[tuple[float, float]]] = {}
    for name, metric in metrics_of(alarm).items():
        value = values[name]
        if value is not None:
            step = metric.period / 5
            found[metric.key] = [(end - number * step, float(value)) for number in range(int(length / step))]
    return found


def own(metric: str, service: str = "reconcile") -> Key:
    return ReadMetric("BillingMirror", metric, (("service", service), ("stack", "StackName"))).key


def states_over(name: str, points: Points, hours: int) -> list[str]:
    """The states of an alarm, every five minutes."""
    state, found = "OK", []
    for now in range(300, int(hours * HOUR) + 1, 300):
        state = evaluate(with_defaults(ALARMS[name]), points, float(now), state)
        found.append(state)
    return found


def hourly(hours: int, recovered: Mapping[int, int], *, delivered: int) -> Points:
    """Events that are delivered in every hour, and those that recover finds in some."""
    return {
        own("OtherMode", "process"): [(hour * HOUR + 600.0, 0.0) for hour in range(hours) for _ in range(delivered)],
        own("EventsRecovered"): [(hour * HOUR + 900.0, float(count)) for hour, count in recovered.items()],
    }


def test_a_destination_that_lacks_some_event_types_rings_and_ends_when_it_has_them() -> None:
    points = hourly(72, dict.fromkeys(range(48), 1), delivered=3)
    assert "ALARM" not in states_over("EventsRecovered", points, 72), "which looks for a destination that is gone"
    states = states_over("EventsOftenRecovered", points, 72)
    assert states.index("ALARM") < 7 * 12
    assert set(states[7 * 12 : 48 * 12]) == {"ALARM"}
    assert set(states[56 * 12 :]) == {"OK"}


@pytest.mark.parametrize("name", ["EventsRecovered", "EventsOftenRecovered"])
def test_a_single_late_event_rings_nothing(name: str) -> None:
    assert "ALARM" not in states_over(name, hourly(48, {20: 1}, delivered=3), 48)


def test_events_that_recover_reads_once_more_ring_nothing() -> None:
    """Process skips some of a busy account's events as already fresh, and recover queues them again."""
    assert "ALARM" not in states_over("EventsOftenRecovered", hourly(48, dict.fromkeys(range(48), 2), delivered=40), 48)


def test_events_that_are_recovered_while_a_backfill_keeps_process_late_ring_nothing() -> None:
    late = hourly(48, dict.fromkeys(range(48), 9), delivered=3)
    filling = {own("Filling"): [(float(at), 1.0) for at in range(0, int(48 * HOUR), 1140)]}
    assert "ALARM" not in states_over("EventsOftenRecovered", {**late, **filling}, 48)
    assert "ALARM" in states_over("EventsOftenRecovered", late, 48)


def ticks(hours: int, minutes: int, *, lasting: int = 0) -> list[float]:
    """When ticks end that start every so many minutes: each second one lasts longer."""
    return [(start + lasting * (number % 2)) * 60.0 for number, start in enumerate(range(0, hours * 60, minutes))]


@pytest.mark.parametrize(("minutes", "lasting"), [(5, 0), (20, 14), (30, 14), (60, 0), (60, 14)])
def test_a_failing_type_rings_however_seldom_reconcile_runs(minutes: int, lasting: int) -> None:
    ends = ticks(48, minutes, lasting=lasting)
    failing = {own("FailingTypes"): [(at, float(12 * HOUR <= at < 36 * HOUR)) for at in ends]}
    states = states_over("TypesFail", failing, 48)
    assert set(states[: 12 * 12]) == {"OK"}
    assert set(states[16 * 12 : 36 * 12 - 1]) == {"ALARM"}
    assert set(states[40 * 12 :]) == {"OK"}


@pytest.mark.parametrize("minutes", [5, 60])
def test_a_single_failed_tick_rings_nothing(minutes: int) -> None:
    ends = ticks(24, minutes)
    failed = {own("FailingTypes"): [(at, float(at == 12 * HOUR)) for at in ends]}
    assert "ALARM" not in states_over("TypesFail", failed, 24)


def test_a_list_that_wants_a_filter_rings_while_it_counts() -> None:
    counted = {own("FailingTypes"): [(at, float(HOUR * 4 <= at < HOUR * 4 + LOUD_FOR)) for at in ticks(24, 5)]}
    assert "ALARM" in states_over("TypesFail", counted, 24)


def test_a_type_of_activity_that_is_verified_daily_rings_as_late_first_and_as_unproven_after_11_days() -> None:
    def state(name: str, metric: Key, value: float) -> str:
        alarm = with_defaults(ALARMS[name])
        end = 2.0 * period_of(alarm)
        points = {metric: [(float(at), value) for at in range(0, int(end) + 1, 300)]}
        return evaluate(alarm, points, end)

    (age,) = [metric.key for metric in metrics_of(ALARMS["ActivityUnproven"]).values()]
    assert state("VerifyLate", own("VerifyOverdue"), 1.1 * DAY) == "ALARM"
    assert state("ActivityUnproven", age, 10.9 * DAY) == "OK"
    assert state("ActivityUnproven", age, 11.1 * DAY) == "ALARM"
    assert "11 days by default" in ALARMS["ActivityUnproven"]["AlarmDescription"]


def test_what_sqs_moves_to_quarantine_rings_before_and_at_the_move_and_not_by_its_age() -> None:
    """SQS deletes it 14 days after its first send, and shows the age since the move."""
    receives = properties("Queue")["RedrivePolicy"]["maxReceiveCount"] * backoff.MAX_PAUSE
    left = properties("Quarantine")["MessageRetentionPeriod"] - receives
    assert 3.5 * DAY < left < 4 * DAY

    def queue(name: str) -> Key:
        return ReadMetric("AWS/SQS", name, (("QueueName", "QuarantineName"),)).key

    hours = int(left / HOUR)
    moved = {
        queue("ApproximateAgeOfOldestMessage"): [(at * 300.0, at * 300.0) for at in range(hours * 12)],
        queue("ApproximateNumberOfMessagesVisible"): [(at * 300.0, 1.0) for at in range(hours * 12)],
    }
    assert set(states_over("QuarantineNotEmpty", moved, hours - 1)) == {"ALARM"}
    for name in ("QuarantineOld", "QuarantineExpires"):
        assert "ALARM" not in states_over(name, moved, hours - 1)
        assert "three and a half days" in ALARMS[name]["AlarmDescription"]
    retried = {own("QueueDelay", "process"): [(at, at * 1000) for at in ticks(int(receives / HOUR), 15)]}
    assert "ALARM" in states_over("MessagesExpire", retried, int(receives / HOUR) - 24)


@pytest.mark.parametrize(("name", "minutes"), [("QueueTooOld", 9), ("MessagesPostponed", 15)])
def test_a_fill_rings_nothing_up_to_the_rate_that_is_documented(name: str, minutes: int) -> None:
    (metric,) = [one.key for one in metrics_of(ALARMS[name]).values() if one.name != "Filling"]
    late = {metric: [(float(at), 7_200_000.0) for at in range(0, int(24 * HOUR), 60)]}
    filling = {own("Filling"): [(at, 1.0) for at in ticks(24, minutes, lasting=15)]}
    assert "ALARM" not in states_over(name, late | filling, 24)
    assert "ALARM" in states_over(name, late, 24)


def changes_unread(stored: list[float], read: list[float], hours: int) -> list[str]:
    """The states of the alarm where objects are stored, and the function is invoked, at these hours."""
    invoked = ReadMetric("AWS/Lambda", "Invocations", (("FunctionName", "ChangesFunction"),)).key
    points = {
        own("Stored", "process"): [(hour * HOUR, 1.0) for hour in stored],
        invoked: [(hour * HOUR, 1.0) for hour in read],
    }
    return states_over("ChangesUnread", points, hours)


def test_a_stream_that_is_not_read_rings_while_it_still_has_every_change() -> None:
    hourly = [hour + 0.5 for hour in range(48)]
    states = changes_unread(hourly, [hour for hour in hourly if hour < 12 or hour > 36], 48)
    assert set(states[: 12 * 12]) == {"OK"}
    assert "ALARM" in states[12 * 12 : 19 * 12]
    assert set(states[19 * 12 : 36 * 12]) == {"ALARM"}
    assert set(states[37 * 12 :]) == {"OK"}


def test_a_stream_that_is_switched_on_later_rings_no_more_once_it_is_read() -> None:
    hourly = [hour + 0.5 for hour in range(48)]
    assert set(changes_unread(hourly, [hour for hour in hourly if hour > 24], 48)[25 * 12 :]) == {"OK"}


def test_an_object_that_is_stored_at_the_end_of_a_period_and_read_in_the_next_rings_nothing() -> None:
    stored = [hour - 0.001 for hour in range(3, 48, 3)]
    assert "ALARM" not in changes_unread(stored, [hour + 0.001 for hour in range(3, 48, 3)], 48)


def composite(rule: str, states: Mapping[str, str]) -> str:
    """The state of a composite alarm whose rule joins ``ALARM("${Name}")`` with OR."""
    names = re.findall(r'ALARM\("\$\{(\w+)\}"\)', rule)
    assert re.sub(r"\s+", " ", rule).strip() == " OR ".join(f'ALARM("${{{name}}}")' for name in names)
    return "ALARM" if any(states[name] == "ALARM" for name in names) else "OK"


def unhealthy_rule() -> str:
    """Of a stack with a partner event bus."""
    rule, parts = properties("MirrorUnhealthy", MONITORING)["AlarmRule"]["Fn::Sub"]
    condition, with_bus, without = parts["Undelivered"]["Fn::If"]
    assert (condition, without) == ("WithPartnerEventBus", "")
    return str(rule.replace("${Undelivered}", with_bus["Fn::Sub"]))


def test_the_composite_alarm_rings_with_each_of_its_alarms() -> None:
    rule = unhealthy_rule()
    quiet = dict.fromkeys(ALARMS, "OK")
    assert composite(rule, quiet) == "OK"
    combined = {name for name in ALARMS if composite(rule, quiet | {name: "ALARM"}) == "ALARM"}
    assert {"QueueTooOld", "ReconcileSilent", "EventsRecovered", "QuarantineNotEmpty"} <= combined
    assert {"UnstorableNoticed", "DeletionsHeld", "RemovalsHeld", "EventsUndelivered"} <= combined
    assert {"SignatureFailures", "WebhookCrowded", "QuarantineOld"}.isdisjoint(combined)


def test_a_first_fill_rings_as_no_outage(load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    """The first ticks find events of a month and queue them, and the queue is long: nothing was lost."""
    for _ in range(3):
        at_stripe.create("customer", {})
    reconcile = load("reconcile").lambda_handler
    reconcile({"job": "recover", "until_now": True}, Context(seconds=180))
    reconcile({}, Context(seconds=180))
    filled = points_in(lines(capsys), "reconcile")
    assert sum(filled[own("MessagesQueued")]) > 0
    assert own("EventsRecovered") not in filled
    assert max(filled[own("Filling")]) > 0
    for name, metric, value in (("QueueTooOld", "age", 7200.0), ("MessagesPostponed", "delay", 7_200_000.0)):
        alarm = ALARMS[name]
        length = period_of(alarm) * alarm["EvaluationPeriods"]
        steps = [
            float(at) for at in range(int(length), int(3 * length), 1140)
        ]  # a long tick, and the wait for the next
        late = {metric: value, "filling": None}
        points = {**replayed(alarm, late, 3.0 * length, 3.0 * length), own("Filling"): [(at, 1.0) for at in steps]}
        assert evaluate(alarm, points, 3.0 * length) == "OK", name
        assert evaluate(alarm, replayed(alarm, late, 3.0 * length, 3.0 * length), 3.0 * length) == "ALARM", name


def test_lost_events_ring_and_a_second_recovery_says_how_many(
    load: Load, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    reconcile = load("reconcile").lambda_handler
    reconcile({}, Context(seconds=180))
    capsys.readouterr()
    at_stripe.create("customer", {})
    reconcile({"job": "recover", "until_now": True}, Context(seconds=180))
    recovered = points_in(lines(capsys), "reconcile")[own("EventsRecovered")]
    assert sum(recovered) == 1
    alarm = ALARMS["EventsRecovered"]
    assert evaluate(alarm, {own("EventsRecovered"): [(100.0, value) for value in recovered]}, 10_800.0) == "ALARM"
