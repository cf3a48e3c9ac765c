"""Which answers of AWS are for later."""

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from billing_mirror.adapters.aws import transient_errors
from billing_mirror.core.errors import TransientError

if TYPE_CHECKING:
    from botocore.exceptions import _ResponseMetadataTypeDef


def answer(code: str, status: int = 400) -> ClientError:
    metadata: _ResponseMetadataTypeDef = {
        "RequestId": "a-request",
        "HostId": "",
        "HTTPStatusCode": status,
        "HTTPHeaders": {},
        "RetryAttempts": 0,
    }
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "SendMessage")


@pytest.mark.parametrize(
    "code",
    [
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalServerError",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignature",
        "InvalidSignatureException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeTooSkewed",
        "ResourceNotFoundException",
        "ServiceUnavailable",
        "SignatureDoesNotMatch",
        "ThrottlingException",
        "TransactionConflictException",
        "UnrecognizedClientException",
    ],
)
def test_what_passes_without_a_new_message_is_for_later(code: str) -> None:
    with pytest.raises(TransientError, match=code), transient_errors("SQS"):
        raise answer(code)


def test_a_server_error_of_any_name_is_for_later() -> None:
    with pytest.raises(TransientError, match="SQS"), transient_errors("SQS"):
        raise answer("SomethingNew", 500)


@pytest.mark.parametrize("code", ["ValidationException", "InvalidMessageContents", "ConditionalCheckFailedException"])
def test_a_refusal_of_the_request_itself_is_not(code: str) -> None:
    with pytest.raises(ClientError, match=code), transient_errors("SQS"):
        raise answer(code)
