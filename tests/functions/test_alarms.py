"""Each alarm rings and ends: what the functions really emit goes through the alarm's own arithmetic.

The functions run in front of moto and the stand-in, in the condition that an alarm watches and while all is well. What
took days is stored as reconcile would have left it. What AWS measures itself no function emits: a table has its values.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from billing_mirror.core.events import backoff
from billing_mirror.reconcile.report import LOUD_FOR
from dev.fake_stripe.client import StandIn
from dev.sandbox.metrics.alarm_arithmetic import Points, ReadMetric, evaluate, metrics_of, period_of
from tests.template.templates import BUNDLE, MONITORING, of_type, properties

from . import conditions
from .conditions import Condition, Emitted, Functions, Key, both
from .conftest import Cloud, Load

ALARMS = of_type("AWS::CloudWatch::Alarm", MONITORING)
NAMESPACE = "BillingMirror"
DAY, HOUR = 86_400.0, 3_600.0
Values: TypeAlias = Mapping[str, float | None]
Replayed: TypeAlias = Callable[[float], Points]
"""The points until a moment."""


@pytest.fixture
def functions(load: Load, cloud: Cloud, at_stripe: StandIn, capsys: pytest.CaptureFixture[str]) -> Functions:
    return Functions(load, cloud, at_stripe, capsys)


AGES = ("VerifyLate", "ActivityUnproven", "ConfigurationUnproven", "CatalogUnproven", "EventsUnread")
"""Alarms on ages, which reconcile emits in each hour only while something is late or is read for the first time."""
# By alarm, what happens while all is well and while it is not: the points are those that the functions emit then.
OWN: Mapping[str, tuple[Condition, Condition]] = {
    "QueueTooOld": (conditions.filled, conditions.quiet),
    "MessagesPostponed": (
        both(conditions.filled, conditions.delivered_late(301)),
        conditions.delivered_late(301),
    ),
    "MessagesExpire": (conditions.delivered_late(900), conditions.delivered_late(8.1 * DAY)),
    "DriftUnresolved": (conditions.verified_in_time, conditions.difference_that_stays),
    "UnstorableNoticed": (conditions.verified_in_time, conditions.object_that_the_table_cannot_hold),
    "ProcessWrongAccount": (conditions.delivered, conditions.processed_with_the_key_of_another_account),
    "ReconcileWrongAccount": (conditions.verified_in_time, conditions.verified_with_the_key_of_another_account),
    "ProcessMissingFields": (conditions.delivered, conditions.processed_without_a_field),
    "ReconcileMissingFields": (conditions.verified_in_time, conditions.verified_without_a_field),
    "DeletionsHeld": (conditions.verified_in_time, conditions.type_that_loses_its_objects),
    "RemovalsHeld": (conditions.delivered, conditions.list_that_lacks_its_members),
    "SignatureFailures": (conditions.webhooks(forged=20), conditions.webhooks(forged=21)),
    "NoneAccepted": (conditions.webhooks(forged=3, signed=1), conditions.webhooks(forged=1)),
    "EventsRecovered": (conditions.delivered, conditions.events_recovered),
    "EventsOftenRecovered": (
        both(conditions.filled, conditions.events_recovered),
        both(conditions.delivered, conditions.events_recovered),
    ),
    "WebhookCrowded": (conditions.webhooks(forged=10, unreadable=20), conditions.quiet),
    "ProcessRefusedByStripe": (conditions.delivered, conditions.processed_while_stripe_answers(401)),
    "ProcessNotPermitted": (conditions.delivered, conditions.processed_while_stripe_answers(403)),
    "OtherModeOnly": (
        both(conditions.delivered, conditions.delivered_of_the_other_mode),
        conditions.delivered_of_the_other_mode,
    ),
    "ReconcileRefusedByStripe": (conditions.verified_in_time, conditions.verified_while_stripe_answers(401)),
    "ReconcileSilent": (conditions.verified_in_time, conditions.refused_for_long),
    "TypesFail": (conditions.verified_in_time, conditions.refused_for_long),
    "VerifyLate": (conditions.filled, conditions.refused_for_long),
    "ActivityUnproven": (conditions.filled, conditions.refused_for_long),
    "ConfigurationUnproven": (conditions.filled, conditions.refused_for_long),
    "CatalogUnproven": (conditions.filled, conditions.refused_for_long),
    "EventsUnread": (conditions.filled, conditions.refused_for_long),
    "ChangesUnread": (conditions.delivered, conditions.delivered),
}
# The same of what AWS measures, by the metric's id in the expression ("" for an alarm on one metric): no function of
# ours emits it, so its points are made here. None: no point, as CloudWatch has none of what did not happen.
OF_AWS: Mapping[str, tuple[Values, Values]] = {
    "QuarantineNotEmpty": ({"": 0}, {"": 1}),
    "QuarantineOld": ({"": 0}, {"": 1}),
    "QuarantineExpires": ({"": 3600}, {"": 12.1 * DAY}),
    "QueueTooOld": ({"age": 301}, {"age": 301}),
    "QueueUnread": ({"waiting": 5, "invoked": 2}, {"waiting": 5, "invoked": None}),
    "WebhookCrowded": ({"refused": 130}, {"refused": 101}),
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
    "ChangesUnread": ({"invoked": 1}, {"invoked": None}),
    "ChangesThrottled": ({"": 0}, {"": 1}),
    "ChangesNearTimeout": ({"": 110_500}, {"": 114_001}),
    "ChangesLost": ({"": 0}, {"": 1}),
}


def test_every_alarm_is_brought_to_ring() -> None:
    def reading(namespace: bool) -> set[str]:
        """The alarms that read metrics of our own, or of AWS."""
        metrics = {name: metrics_of(alarm).values() for name, alarm in ALARMS.items()}
        return {
            name for name, read in metrics.items() if any((one.namespace == NAMESPACE) is namespace for one in read)
        }

    assert ({*OWN}, {*OF_AWS}) == (reading(True), reading(False))


@pytest.mark.parametrize("name", [name for name in OF_AWS if name not in OWN])
def test_an_alarm_on_what_aws_measures_rings_and_ends(name: str) -> None:
    well, ill = (replayed(ALARMS[name], {}, values) for values in OF_AWS[name])
    assert states_through(name, well, ill) == ["OK", "ALARM", "OK"]


@pytest.mark.parametrize("name", OWN)
def test_an_alarm_on_what_the_functions_emit_rings_and_ends(name: str, functions: Functions) -> None:
    nothing: tuple[Values, Values] = ({}, {})
    emitted = [functions.emitted_in(condition) for condition in OWN[name]]
    read = {metric.key for metric in metrics_of(ALARMS[name]).values() if metric.namespace == NAMESPACE}
    assert read <= {key for one in emitted for key, values in one.items() if values}, "what no function emits"
    assert name not in AGES or all(read <= one.keys() for one in emitted), "an age while all is well, too"
    well, ill = (
        replayed(ALARMS[name], one, values) for one, values in zip(emitted, OF_AWS.get(name, nothing), strict=True)
    )
    assert states_through(name, well, ill) == ["OK", "ALARM", "OK"]


def states_through(name: str, well: Replayed, ill: Replayed) -> list[str]:
    """The states of an alarm while all is well, while it is not, and while it is again."""
    alarm = with_defaults(ALARMS[name])
    length = period_of(alarm) * alarm["EvaluationPeriods"]
    states = ["OK"]
    for number, points in enumerate((well, ill, well)):
        end = length * (10.0 + 2 * number)
        states.append(evaluate(alarm, points(end), end, states[-1]))
    return states[1:]


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


def replayed(alarm: Mapping[str, Any], emitted: Emitted, of_aws: Values) -> Replayed:
    """The same again and again, once in each period, as far back as the alarm looks."""

    def until(end: float) -> Points:
        found: dict[Key, list[tuple[float, float]]] = {}
        for name, metric in metrics_of(alarm).items():
            of_own = metric.namespace == NAMESPACE
            value = None if of_own else of_aws[name]
            values = emitted.get(metric.key, []) if of_own else [] if value is None else [value]
            moments = [end - (number + 0.5) * metric.period for number in range(2 * alarm["EvaluationPeriods"])]
            found[metric.key] = [(at, float(one)) for at in moments for one in values]
        return found

    return until


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


def state_after(name: str, metric: Key, value: float) -> str:
    """The state of an alarm whose metric has had this value for two of its periods."""
    alarm = with_defaults(ALARMS[name])
    end = 2.0 * period_of(alarm)
    return evaluate(alarm, {metric: [(float(at), value) for at in range(0, int(end) + 1, 300)]}, end)


@pytest.mark.parametrize(("category", "days"), [("Activity", 11), ("Configuration", 10), ("Catalog", 10)])
def test_a_type_rings_as_late_first_and_as_unproven_three_days_after_its_interval(category: str, days: int) -> None:
    name = f"{category}Unproven"
    (age,) = [metric.key for metric in metrics_of(ALARMS[name]).values()]
    assert state_after("VerifyLate", own("VerifyOverdue"), 1.1 * DAY) == "ALARM"
    assert state_after(name, age, (days - 0.1) * DAY) == "OK"
    assert state_after(name, age, (days + 0.1) * DAY) == "ALARM"
    assert f"{days} days by default" in " ".join(ALARMS[name]["AlarmDescription"].split())


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


def test_a_first_fill_is_no_recovery(functions: Functions) -> None:
    """The first ticks find events of a month and queue them: nothing was lost."""

    def first_ticks(functions: Functions) -> None:
        for _ in range(3):
            functions.at_stripe.create("customer", {})
        functions.reconcile(job="recover", until_now=True)
        functions.reconcile()

    emitted = functions.emitted_in(first_ticks)
    assert sum(emitted[own("MessagesQueued")]) > 0
    assert own("EventsRecovered") not in emitted
    assert max(emitted[own("Filling")]) > 0


def test_a_recovery_says_how_many_events_were_lost(functions: Functions) -> None:
    assert functions.emitted_in(conditions.events_recovered)[own("EventsRecovered")] == [1.0]
