"""Checks that hold for every answer, and the comparison with the expected result."""

import json

from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import Notification, read_message
from billing_mirror.core.events.related_object import ref_from_event

from .harness import CANARY, Event, IngestHarness, IngestResult
from .oracle import Expected, expected_result

LONGEST_REASON = 160


def require(result: IngestResult, expected: Expected) -> None:
    """Raises ``AssertionError`` where the result differs from the expected one."""
    _require_nothing_leaked(result)
    match expected:
        case Expected.REFUSED | Expected.TOO_LARGE:
            assert (result.status, result.queued, result.quarantined) == (expected.value, (), ())
        case Expected.QUARANTINED:
            assert (result.status, result.queued, len(result.quarantined)) == (200, (), 1)
            assert result.reason != "accepted"
        case Expected.QUEUED:
            assert (result.status, result.reason, len(result.queued), result.quarantined) == (200, "accepted", 1, ())
        case Expected.EITHER:
            assert (result.status, len(result.queued) + len(result.quarantined)) == (200, 1)


def require_expected(harness: IngestHarness, event: Event) -> IngestResult:
    """Posts a request and compares its result with the oracle's."""
    secrets = {*harness.secrets.known, *harness.secrets.stored}
    expected = expected_result(event, harness.clock.now(), sorted(secrets))
    result = harness.post(event)
    require(result, expected)
    return result


def is_never_fetched(message: str) -> bool:
    """Whether a queued message never leads to a request to Stripe."""
    thin = read_message(message)
    assert isinstance(thin, Notification)
    try:
        return ref_from_event(thin) is None
    except PermanentError as error:
        return CANARY not in str(error)


def _require_nothing_leaked(result: IngestResult) -> None:
    """One line of plain text for a reason; nothing of what was sent in it, nor in the log."""
    assert 0 < len(result.reason) <= LONGEST_REASON
    assert result.reason.isascii()
    assert result.reason.isprintable()
    assert CANARY not in result.reason
    output = [json.loads(line) for line in result.log.splitlines()]
    assert len([line for line in output if "message" in line]) == 1, "one line for one request"
    if result.status != 200 or result.quarantined:
        assert CANARY not in result.log
