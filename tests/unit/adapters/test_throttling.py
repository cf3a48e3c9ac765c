"""Whatever name AWS gives to throttling, it is tried again later."""

import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from billing_mirror.adapters.aws import transient_errors
from billing_mirror.core.errors import TransientError

THROTTLED = ThrottledRetryableChecker._THROTTLED_ERROR_CODES  # type: ignore[attr-defined]
TRANSIENT = TransientRetryableChecker._TRANSIENT_ERROR_CODES  # type: ignore[attr-defined]
CODES = sorted({*THROTTLED, *TRANSIENT, "OverLimit", "KmsThrottled", "KMS.ThrottlingException"})
"""What botocore itself retries, and what SQS and encrypted queues and tables say."""


@pytest.mark.parametrize("code", CODES)
def test_a_throttled_call_may_succeed_later(code: str) -> None:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    with pytest.raises(TransientError, match=rf"AWS answered {code}$"), transient_errors("AWS"):
        raise ClientError(answer, "PutItem")  # type: ignore[arg-type]


def test_a_refused_call_is_not_throttled() -> None:
    answer = {"Error": {"Code": "ValidationException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    with pytest.raises(ClientError), transient_errors("AWS"):
        raise ClientError(answer, "PutItem")  # type: ignore[arg-type]
