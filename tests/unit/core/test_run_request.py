"""What somebody asks reconcile for, and what it answers to what it cannot do."""

from collections.abc import Mapping

import pytest

from billing_mirror.core.catalog import RECONCILED_TYPES, USAGE
from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.run import Job
from billing_mirror.core.run_request import RunRequest, read_wish


@pytest.mark.parametrize("event", [{}, {"source": "aws.scheduler", "detail": {}, "resources": ["x"]}])
def test_a_tick_is_no_wish(event: Mapping[str, object]) -> None:
    assert read_wish(event) is None


@pytest.mark.parametrize(
    ("event", "jobs"),
    [
        ({"types": ["invoice", "customer"]}, [("invoice", Job.VERIFY), ("customer", Job.VERIFY)]),
        ({"job": "verify", "types": ["invoice"]}, [("invoice", Job.VERIFY)]),
        ({"job": "backfill", "types": ["invoice"]}, [("invoice", Job.BACKFILL)]),
        ({"job": "recover"}, [("events", Job.RECOVER)]),
        ({"job": "usage"}, [(USAGE.name, Job.USAGE)]),
        ({"types": [USAGE.name]}, [(USAGE.name, Job.USAGE)]),
        ({"job": "backfill"}, [(object_type.name, Job.BACKFILL) for object_type in RECONCILED_TYPES]),
        ({"job": "verify"}, [(object_type.name, Job.VERIFY) for object_type in RECONCILED_TYPES]),
        ({"types": ["invoice", "invoice"]}, [("invoice", Job.VERIFY)]),
    ],
)
def test_a_wish_is_a_job_for_each_of_its_types(event: Mapping[str, object], jobs: list[tuple[str, Job]]) -> None:
    assert read_wish(event) == RunRequest(tuple(jobs), dry_run=False)


def test_a_dry_run_is_asked_for() -> None:
    assert read_wish({"job": "verify", "types": ["invoice"], "dry_run": True}) == RunRequest(
        (("invoice", Job.VERIFY),), dry_run=True
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"job": "object"}, "object is no job, those are recover, verify, backfill, usage; nothing was started"),
        ({"job": 7}, "7 is no job, those are recover, verify, backfill, usage; nothing was started"),
        (
            {"job": ["verify"]},
            "['verify'] is no job, those are recover, verify, backfill, usage; nothing was started",
        ),
        ({"types": ["invoices"]}, "invoices is no type that reconcile knows; nothing was started"),
        ({"types": ["invoice", ""]}, " is no type that reconcile knows; nothing was started"),
        ({"types": ["v2.core.event"]}, "v2.core.event is no type that reconcile knows; nothing was started"),
        ({"types": ["invoice", ["x"]]}, "['x'] is no type that reconcile knows; nothing was started"),
        ({"types": "invoice"}, "types is a list of names, or left out for all; nothing was started"),
        ({"types": []}, "types is a list of names, or left out for all; nothing was started"),
        ({"types": None}, "types is a list of names, or left out for all; nothing was started"),
        ({"dry_run": None}, "dry_run is true or false; nothing was started"),
        ([], 'what is asked for is an object, such as {"job": "recover"}; nothing was started'),
        ("verify", 'what is asked for is an object, such as {"job": "recover"}; nothing was started'),
        ({"job": "recover", "types": ["invoice"]}, "the job recover is not one of single types; nothing was started"),
        ({"job": "usage", "types": ["invoice"]}, "the job usage is not one of single types; nothing was started"),
        ({"types": ["invoice"], "dry_run": "yes"}, "dry_run is true or false; nothing was started"),
        ({"type": ["invoice"]}, "type is nothing that reconcile can be asked for; nothing was started"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(event: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_wish(event)
    assert str(raised.value) == sentence
