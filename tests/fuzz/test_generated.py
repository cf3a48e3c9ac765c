"""Requests by the thousand: broken ones end as the oracle says, and whatever Stripe may send is accepted.

``HOSTILE_CASES`` says how many are generated, ``HOSTILE_FROM`` with which number they begin.
"""

import os

from billing_mirror.core.messages import read_message, read_notification

from .check import require, require_right
from .harness import NOW, OLD_SECRET, SECRET, Gate
from .mutations import generated
from .oracle import Verdict, judge
from .variants import valid

CASES = int(os.environ.get("HOSTILE_CASES", "3000"))
FROM = int(os.environ.get("HOSTILE_FROM", "0"))
VARIANTS = 2000


def test_a_broken_request_is_accepted_only_where_it_is_genuine_and_readable(gate: Gate) -> None:
    for number in range(FROM, FROM + CASES):
        try:
            require_right(gate, generated(number))
        except Exception as error:
            raise AssertionError(f"replay it with HOSTILE_FROM={number} HOSTILE_CASES=1") from error


def test_broken_requests_end_in_every_way_there_is() -> None:
    verdicts = [judge(generated(number), NOW, (SECRET, OLD_SECRET)) for number in range(2000)]
    assert {verdict: verdicts.count(verdict) > 1 for verdict in Verdict} == dict.fromkeys(Verdict, True)


def test_a_number_is_one_request() -> None:
    assert repr(generated(7)) == repr(generated(7)) != repr(generated(8))


def test_whatever_stripe_may_send_is_accepted(gate: Gate) -> None:
    for number in range(VARIANTS):
        event, body = valid(number)
        try:
            ended = gate.post(event)
            require(ended, Verdict.QUEUED)
            assert read_message(ended.queued[0]) == read_notification(body)
            assert "canary" not in ended.queued[0]
        except Exception as error:
            raise AssertionError(f"the valid request {number}") from error


def test_whatever_stripe_may_send_is_accepted_after_the_secret_was_rotated(gate: Gate) -> None:
    for known in ((), ("whsec_older",), ("whsec_older", "whsec_oldest")):
        for number in range(100):
            gate.secrets.known = known
            require(gate.post(valid(number)[0]), Verdict.QUEUED)


def test_whatever_stripe_sent_is_refused_once_its_secret_is_gone(gate: Gate) -> None:
    gate.secrets.known = gate.secrets.stored = ("whsec_newer",)
    for number in range(100):
        require(gate.post(valid(number)[0]), Verdict.REFUSED)
