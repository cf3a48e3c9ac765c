"""Requests by the thousand: broken ones end as the oracle says, and whatever Stripe may send is accepted.

``HOSTILE_CASES`` says how many are generated, ``HOSTILE_FROM`` with which number they begin.
"""

import os

from billing_mirror.core.messages import read_message, read_notification

from .check import require, require_expected
from .harness import NOW, OLD_SECRET, SECRET, IngestHarness
from .mutations import generated
from .oracle import Expected, expected_result
from .variants import valid

CASES = int(os.environ.get("HOSTILE_CASES", "3000"))
FROM = int(os.environ.get("HOSTILE_FROM", "0"))
VARIANTS = 2000


def test_a_broken_request_is_accepted_only_where_it_is_genuine_and_readable(harness: IngestHarness) -> None:
    for number in range(FROM, FROM + CASES):
        try:
            require_expected(harness, generated(number))
        except Exception as error:
            raise AssertionError(f"replay it with HOSTILE_FROM={number} HOSTILE_CASES=1") from error


def test_broken_requests_end_in_every_way_there_is() -> None:
    verdicts = [expected_result(generated(number), NOW, (SECRET, OLD_SECRET)) for number in range(2000)]
    assert {expected: verdicts.count(expected) > 1 for expected in Expected} == dict.fromkeys(Expected, True)


def test_a_number_is_one_request() -> None:
    assert repr(generated(7)) == repr(generated(7)) != repr(generated(8))


def test_whatever_stripe_may_send_is_accepted(harness: IngestHarness) -> None:
    for number in range(VARIANTS):
        event, body = valid(number)
        try:
            result = harness.post(event)
            require(result, Expected.QUEUED)
            assert read_message(result.queued[0]) == read_notification(body)
            assert "canary" not in result.queued[0]
        except Exception as error:
            raise AssertionError(f"the valid request {number}") from error


def test_whatever_stripe_may_send_is_accepted_after_the_secret_was_rotated(harness: IngestHarness) -> None:
    for known in ((), ("whsec_older",), ("whsec_older", "whsec_oldest")):
        for number in range(100):
            harness.secrets.known = known
            require(harness.post(valid(number)[0]), Expected.QUEUED)


def test_whatever_stripe_sent_is_refused_once_its_secret_is_gone(harness: IngestHarness) -> None:
    harness.secrets.known = harness.secrets.stored = ("whsec_newer",)
    for number in range(100):
        require(harness.post(valid(number)[0]), Expected.REFUSED)
