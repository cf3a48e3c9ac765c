"""Handwritten requests, in classes: each has the result that its class and the oracle expect."""

import base64

import pytest

from . import handwritten_bodies, handwritten_events, handwritten_headers
from .case import CLASSES
from .check import is_never_fetched, require
from .harness import IngestHarness
from .oracle import Expected, expected_result

MODULES = (handwritten_bodies, handwritten_events, handwritten_headers)


@pytest.mark.parametrize("name", CLASSES)
def test_each_request_of_a_class_has_its_expected_result(harness: IngestHarness, name: str) -> None:
    for case in CLASSES[name]():
        try:
            result = harness.post(case.event)
            require(result, case.expected)
            assert not case.never_fetched or is_never_fetched(result.queued[0])
            thin = expected_result(case.event, harness.clock.now(), harness.secrets.known)
            assert thin in (case.expected, Expected.EITHER), "the oracle disagrees"
        except Exception as error:
            raise AssertionError(f"{name}: {case.name}") from error


def test_a_quarantined_body_is_complete(harness: IngestHarness) -> None:
    for name, cases in CLASSES.items():
        for case in cases():
            for kept in harness.post(case.event).quarantined:
                body = case.event.get("body") or ""
                sent = base64.b64decode(body).decode() if case.event.get("isBase64Encoded") else body
                assert kept == sent, f"{name}: {case.name}"


def test_only_the_reference_to_the_object_is_queued(harness: IngestHarness) -> None:
    for name in ("names_that_mean_something_elsewhere", "duplicate_keys", "no_numbers"):
        for case in CLASSES[name]():
            for message in harness.post(case.event).queued:
                assert "canary" not in message
                assert '"id":"evt_1"' in message
                assert '"livemode":false' in message


def test_there_are_at_least_40_classes_and_200_requests() -> None:
    names = {name: [case.name for case in cases()] for name, cases in CLASSES.items()}
    assert len(names) >= 40
    assert sum(map(len, names.values())) >= 200
    assert all(len(set(of_class)) == len(of_class) for of_class in names.values()), "two of one name"
