"""Generated requests: mutated ones have the result that the oracle expects, and valid ones are accepted.

``FUZZ_CASES`` is the number of mutated requests, ``FUZZ_FROM`` the first number.
"""

import os

from billing_mirror.core.events.messages import read_message, read_notification

from .check import require, require_expected
from .harness import NOW, OLD_SECRET, SECRET, IngestHarness
from .mutations import generated
from .oracle import Expected, expected_result
from .variants import valid

CASES = int(os.environ.get("FUZZ_CASES", "3000"))
FROM = int(os.environ.get("FUZZ_FROM", "0"))
VARIANTS = 2000


def test_a_broken_request_is_accepted_only_where_it_is_genuine_and_readable(harness: IngestHarness) -> None:
    for number in range(FROM, FROM + CASES):
        try:
            require_expected(harness, generated(number))
        except Exception as error:
            raise AssertionError(f"replay it with FUZZ_FROM={number} FUZZ_CASES=1") from error


def test_mutated_requests_have_every_expected_result() -> None:
    verdicts = [expected_result(generated(number), NOW, (SECRET, OLD_SECRET)) for number in range(2000)]
    assert {expected: verdicts.count(expected) > 1 for expected in Expected} == dict.fromkeys(Expected, True)


def test_a_number_is_one_request() -> None:
    assert repr(generated(7)) == repr(generated(7)) != repr(generated(8))


def test_valid_requests_are_accepted(harness: IngestHarness) -> None:
    for number in range(VARIANTS):
        event, body = valid(number)
        try:
            result = harness.post(event)
            require(result, Expected.QUEUED)
            assert read_message(result.queued[0]) == read_notification(body)
            assert "canary" not in result.queued[0]
        except Exception as error:
            raise AssertionError(f"the valid request {number}") from error


def test_valid_requests_are_accepted_after_the_secret_was_rotated(harness: IngestHarness) -> None:
    for known in ((), ("whsec_older",), ("whsec_older", "whsec_oldest")):
        for number in range(100):
            harness.secrets.known = known
            require(harness.post(valid(number)[0]), Expected.QUEUED)


def test_requests_signed_with_a_removed_secret_are_refused(harness: IngestHarness) -> None:
    harness.secrets.known = harness.secrets.stored = ("whsec_newer",)
    for number in range(100):
        require(harness.post(valid(number)[0]), Expected.REFUSED)
