"""Requests to run jobs, and the answers to invalid requests."""

from collections.abc import Mapping

import pytest

from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED_TYPES, USAGE
from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.runs.run import Job
from billing_mirror.core.runs.run_request import RunRequest, read_request


@pytest.mark.parametrize("event", [{}, {"source": "aws.scheduler", "detail": {}, "resources": ["x"]}])
def test_a_tick_is_no_request(event: Mapping[str, object]) -> None:
    assert RunRequest.parse(event) is None


@pytest.mark.parametrize(
    ("event", "jobs"),
    [
        ({"types": ["invoice", "customer"]}, [("invoice", Job.VERIFY), ("customer", Job.VERIFY)]),
        ({"job": "verify", "types": ["invoice"]}, [("invoice", Job.VERIFY)]),
        ({"job": "backfill", "types": ["invoice"]}, [("invoice", Job.BACKFILL)]),
        ({"job": "recover"}, [("recover", Job.RECOVER)]),
        ({"job": "usage"}, [(USAGE.name, Job.USAGE)]),
        ({"types": [USAGE.name]}, [(USAGE.name, Job.USAGE)]),
        ({"job": "backfill"}, [(object_type.name, Job.BACKFILL) for object_type in RECONCILED_TYPES]),
        ({"job": "verify"}, [(object_type.name, Job.VERIFY) for object_type in RECONCILED_TYPES]),
        ({"types": ["invoice", "invoice"]}, [("invoice", Job.VERIFY)]),
    ],
)
def test_a_request_has_a_job_for_each_of_its_types(event: Mapping[str, object], jobs: list[tuple[str, Job]]) -> None:
    assert RunRequest.parse(event) == RunRequest(tuple(jobs), dry_run=False)


def test_a_dry_run_can_be_requested() -> None:
    assert RunRequest.parse({"job": "verify", "types": ["invoice"], "dry_run": True}) == RunRequest(
        (("invoice", Job.VERIFY),), dry_run=True
    )


@pytest.mark.parametrize("job", [{}, {"job": "verify"}])
def test_a_deep_verify_can_be_requested(job: Mapping[str, object]) -> None:
    assert RunRequest.parse({**job, "types": ["invoice"], "deep": True}) == RunRequest(
        (("invoice", Job.VERIFY),), deep=True
    )


def test_deletions_can_be_confirmed() -> None:
    assert RunRequest.parse({"types": ["invoice"], "confirm_deletions": True}) == RunRequest(
        (("invoice", Job.VERIFY),), confirm_deletions=True
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (
            {"job": "object"},
            "unknown job: object; jobs are recover, verify, backfill, usage, refresh, forget; nothing was started",
        ),
        ({"job": 7}, "unknown job: 7; jobs are recover, verify, backfill, usage, refresh, forget; nothing was started"),
        (
            {"job": ["verify"]},
            "unknown job: ['verify']; jobs are recover, verify, backfill, usage, refresh, forget; nothing was started",
        ),
        ({"types": ["invoices"]}, "unknown type: invoices; nothing was started"),
        ({"types": ["invoice", ""]}, "unknown type: ; nothing was started"),
        ({"types": ["v2.core.event"]}, "unknown type: v2.core.event; nothing was started"),
        ({"types": ["invoice", ["x"]]}, "unknown type: ['x']; nothing was started"),
        ({"types": "invoice"}, "types must be a list of names; leave it out for all types; nothing was started"),
        ({"types": []}, "types must be a list of names; leave it out for all types; nothing was started"),
        ({"types": None}, "types must be a list of names; leave it out for all types; nothing was started"),
        ({"confirm_deletions": 1}, "confirm_deletions must be true or false; nothing was started"),
        (
            {"confirm_deletions": True},
            "confirm_deletions needs types: name those whose run has failed; nothing was started",
        ),
        ({"types": ["invoice"], "deep": "all"}, "deep must be true or false; nothing was started"),
        ({"job": "backfill", "deep": True}, "deep belongs to the job verify; nothing was started"),
        ({"job": "recover", "deep": True}, "deep belongs to the job verify; nothing was started"),
        ({"job": "verify", "since": "2026-11-28"}, "since belongs to the job recover; nothing was started"),
        (
            {"job": "recover", "since": "yesterday"},
            "since is no time: yesterday; give a day, 2026-11-28, or 2026-11-28T14:00:00Z; nothing was started",
        ),
        (
            {"job": "recover", "since": 20261128.5},
            "since is no time: 20261128.5; give a day, 2026-11-28, or 2026-11-28T14:00:00Z; nothing was started",
        ),
        ({"dry_run": None}, "dry_run must be true or false; nothing was started"),
        ([], 'the request is not an object, such as {"job": "recover"}; nothing was started'),
        ("verify", 'the request is not an object, such as {"job": "recover"}; nothing was started'),
        ({"job": "recover", "types": ["invoice"]}, "the job recover takes no types; nothing was started"),
        ({"job": "usage", "types": ["invoice"]}, "the job usage takes no types; nothing was started"),
        ({"types": ["invoice"], "dry_run": "yes"}, "dry_run must be true or false; nothing was started"),
        (
            {"type": ["invoice"]},
            "unknown member: type; members are confirm_deletions, context, deep, dry_run, job, since, types, "
            "until_now; nothing was started",
        ),
    ],
)
def test_an_invalid_request_is_refused_with_a_sentence(event: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        RunRequest.parse(event)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    "given", ["2026-11-28", "2026-11-28T00:00:00Z", "2026-11-28T02:00:00+02:00", "2026-11-28T00:00"]
)
def test_since_is_a_day_or_a_time(given: str) -> None:
    request = RunRequest.parse({"job": "recover", "since": given})
    assert request is not None
    assert request.since == times.seconds("2026-11-28T00:00:00.000Z")


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ("2026-11-27T23:59:59.000Z", "since is in the future: 2026-11-28T00:00:00.000Z; nothing was started"),
        ("2026-11-28T00:00:00.000Z", ""),
        ("2026-12-28T00:00:00.000Z", ""),
        (
            "2026-12-28T00:00:01.000Z",
            "Stripe keeps events for 30 days, so since may be 2026-11-28T00:00:01.000Z at the earliest; "
            "nothing was started",
        ),
    ],
)
def test_since_is_within_the_events_that_stripe_keeps(now: str, sentence: str) -> None:
    event = {"job": "recover", "since": "2026-11-28"}
    if not sentence:
        assert read_request(event, livemode=True, now=times.seconds(now)) == RunRequest.parse(event)
        return
    with pytest.raises(InvalidRequest) as raised:
        read_request(event, livemode=True, now=times.seconds(now))
    assert str(raised.value) == sentence
