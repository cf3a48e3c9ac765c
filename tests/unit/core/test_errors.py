"""Errors are split by what happens next; whoever catches one kind must not catch another."""

import pytest

from billing_mirror.core import errors
from billing_mirror.core.errors import (
    BadRequest,
    ConfigurationError,
    InvalidSignature,
    MirrorError,
    NotFound,
    PermanentError,
    TransientError,
    Unauthorized,
)

ENDINGS: list[type[MirrorError]] = [BadRequest, TransientError, PermanentError, NotFound, ConfigurationError]


def test_every_error_is_one_of_ours() -> None:
    defined = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(error, MirrorError) for error in defined)


def test_the_special_cases_end_like_their_kind() -> None:
    assert issubclass(InvalidSignature, BadRequest)
    assert issubclass(Unauthorized, PermanentError)


@pytest.mark.parametrize("error", [InvalidSignature, Unauthorized, *ENDINGS])
def test_an_error_ends_in_exactly_one_way(error: type[MirrorError]) -> None:
    assert sum(issubclass(error, ending) for ending in ENDINGS) == 1


def test_the_text_of_an_error_is_its_sentence() -> None:
    sentence = "one sentence"
    raised = [
        BadRequest(413, sentence),
        InvalidSignature(sentence),
        TransientError(sentence),
        PermanentError(sentence),
        NotFound(sentence),
    ]
    assert {str(error) for error in raised} == {sentence}


def test_a_rejection_carries_the_status_of_its_answer() -> None:
    assert BadRequest(413, "too large").status == 413
    assert InvalidSignature("stale").status == 400


def test_a_retryable_error_asks_for_no_wait_unless_told() -> None:
    plain, told = TransientError("busy"), TransientError("busy", retry_after=7.0, throttled=True)
    assert (plain.retry_after, plain.throttled) == (None, False)
    assert (told.retry_after, told.throttled) == (7.0, True)
