"""Every way a message can end is counted under a name of its own."""

import re

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.metrics import Metric


def test_every_outcome_has_its_metric_and_no_two_share_one() -> None:
    metrics = [outcome.metric for outcome in Outcome]
    assert len(set(metrics)) == len(Outcome)
    assert [metric.value.lower() for metric in metrics] == [outcome.value.replace("_", "") for outcome in Outcome]


def test_outcomes_are_the_words_that_logs_show() -> None:
    assert f"{Outcome.SUPERSEDED}" == "superseded"


def test_metric_names_are_what_cloudwatch_and_a_dashboard_can_show() -> None:
    assert all(re.fullmatch(r"[A-Z][A-Za-z]{1,40}", metric.value) for metric in Metric)


def test_metric_names_differ_by_more_than_case() -> None:
    assert len({metric.value.lower() for metric in Metric}) == len(Metric)
