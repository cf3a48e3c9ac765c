"""Requests that somebody thought of, in classes: each ends as its class says, and as the oracle says too."""

import base64

import pytest

from . import handwritten_bodies, handwritten_events, handwritten_headers
from .case import CLASSES
from .check import leads_nowhere, require
from .harness import Gate
from .oracle import Verdict, judge

MODULES = (handwritten_bodies, handwritten_events, handwritten_headers)


@pytest.mark.parametrize("name", CLASSES)
def test_each_request_of_a_class_ends_as_it_should(gate: Gate, name: str) -> None:
    for case in CLASSES[name]():
        try:
            ended = gate.post(case.event)
            require(ended, case.verdict)
            assert not case.dead or leads_nowhere(ended.queued[0])
            told = judge(case.event, gate.clock.now(), gate.secrets.known)
            assert told in (case.verdict, Verdict.KEPT_OR_QUEUED), "the oracle disagrees"
        except Exception as error:
            raise AssertionError(f"{name}: {case.name}") from error


def test_what_is_kept_is_kept_whole(gate: Gate) -> None:
    for name, cases in CLASSES.items():
        for case in cases():
            for kept in gate.post(case.event).kept:
                body = case.event.get("body") or ""
                sent = base64.b64decode(body).decode() if case.event.get("isBase64Encoded") else body
                assert kept == sent, f"{name}: {case.name}"


def test_nothing_of_an_event_is_queued_but_what_it_is_about(gate: Gate) -> None:
    for name in ("names_that_mean_something_elsewhere", "duplicate_keys", "no_numbers"):
        for case in CLASSES[name]():
            for message in gate.post(case.event).queued:
                assert "canary" not in message
                assert '"id":"evt_1"' in message
                assert '"livemode":false' in message


def test_there_are_at_least_40_classes_and_200_requests() -> None:
    names = {name: [case.name for case in cases()] for name, cases in CLASSES.items()}
    assert len(names) >= 40
    assert sum(map(len, names.values())) >= 200
    assert all(len(set(of_class)) == len(of_class) for of_class in names.values()), "two of one name"
