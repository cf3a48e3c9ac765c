"""What must hold of every answer, and whether it fits a verdict."""

import json

from billing_mirror.core.errors import PermanentError
from billing_mirror.core.messages import Notification, read_message
from billing_mirror.core.object_ref import ref_from_event

from .harness import CANARY, Ended, Event, Gate
from .oracle import Verdict, judge

LONGEST_REASON = 160


def require(ended: Ended, verdict: Verdict) -> None:
    """Raises ``AssertionError`` where a request did not end as it should have."""
    _require_discreet(ended)
    match verdict:
        case Verdict.REFUSED | Verdict.TOO_LARGE:
            assert (ended.status, ended.queued, ended.kept) == (verdict.value, (), ())
        case Verdict.KEPT:
            assert (ended.status, ended.queued, len(ended.kept)) == (200, (), 1)
            assert ended.reason != "accepted"
        case Verdict.QUEUED:
            assert (ended.status, ended.reason, len(ended.queued), ended.kept) == (200, "accepted", 1, ())
        case Verdict.KEPT_OR_QUEUED:
            assert (ended.status, len(ended.queued) + len(ended.kept)) == (200, 1)


def require_right(gate: Gate, event: Event) -> Ended:
    """Posts a request and holds its end against what was worked out anew."""
    secrets = {*gate.secrets.known, *gate.secrets.stored}
    verdict = judge(event, gate.clock.now(), sorted(secrets))
    ended = gate.post(event)
    require(ended, verdict)
    return ended


def leads_nowhere(message: str) -> bool:
    """Whether a queued message is one that Stripe will never be asked about."""
    told = read_message(message)
    assert isinstance(told, Notification)
    try:
        return ref_from_event(told) is None
    except PermanentError as error:
        return CANARY not in str(error)


def _require_discreet(ended: Ended) -> None:
    """One line of plain text for a reason; nothing of what was sent in it, nor in the log."""
    assert 0 < len(ended.reason) <= LONGEST_REASON
    assert ended.reason.isascii()
    assert ended.reason.isprintable()
    assert CANARY not in ended.reason
    lines = [json.loads(line) for line in ended.log.splitlines()]
    assert len([line for line in lines if "_aws" not in line]) == 1, "one line for one request"
    if ended.status != 200 or ended.kept:
        assert CANARY not in ended.log
