"""Invocations that API Gateway never makes: they may raise, but send nothing, and the error quotes nothing."""

from typing import Any

import pytest

from .case import BODY
from .harness import CANARY, Event, IngestHarness, request, signed

HEADER = signed(BODY)
ODD: tuple[Any, ...] = (7, True, 1.5, [CANARY], {"x": CANARY}, CANARY.encode())


def shapes() -> dict[str, Event]:
    thin = {
        **{f"header {odd!r}": request(BODY, odd) for odd in ODD},
        **{f"body {odd!r}": request(odd, HEADER) for odd in ODD},
        **{f"body in base64 {odd!r}": request(odd, HEADER, isBase64Encoded=True) for odd in ODD},
        **{f"headers {odd!r}": request(BODY, headers=odd) for odd in (*ODD, "x", {7: HEADER}, {None: HEADER})},
        **{f"base64 {odd!r}": request(BODY, HEADER, isBase64Encoded=odd) for odd in ("false", "true", 1, "no", [0])},
    }
    return {**thin, "nothing": {}}


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("name", shapes())
def test_a_malformed_invocation_sends_nothing(harness: IngestHarness, name: str) -> None:
    try:
        result = harness.post(shapes()[name])
    except (TypeError, AttributeError, ValueError) as error:
        assert CANARY not in str(error)  # noqa: PT017 - most of them do not fail
    else:
        assert result.status == 400
    assert not harness.queue.waiting
    assert not harness.queue.quarantined
