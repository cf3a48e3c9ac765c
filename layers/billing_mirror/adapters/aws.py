"""Which errors of AWS are transient, and how its clients are configured."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from billing_mirror.core.errors import TransientError

THREADS = 32
"""Blocking calls that one container runs concurrently."""

# The default read timeout is a minute: longer than API Gateway waits, and as long as `process` may run.
QUICK = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=THREADS,
    # What a request costs most processor time for: a check of parameters that the service checks too, a user agent that
    # lists features, and an endpoint by account. See docs/performance.md.
    parameter_validation=False,
    user_agent="billing-mirror",
    account_id_endpoint_mode="disabled",
    disable_request_compression=True,
)

_TRANSIENT = frozenset(
    {
        "AccessDenied",  # a policy that is being changed: no message may be lost meanwhile
        "AccessDeniedException",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ResourceNotFoundException",  # a table that is being restored
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
    }
)
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignature",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Credentials that have expired or are not known yet, or a clock that is wrong: they pass without a new message.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html
"""

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "KMS.ThrottlingException",  # the key of an encrypted queue or table
        "KmsThrottled",
        "OverLimit",
        "PriorRequestNotComplete",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Further names that AWS's services give to throttling, beside those above."""


@contextmanager
def transient_errors(service: str) -> Iterator[None]:
    """Raises transient errors as :class:`TransientError`; lets the rest through."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TRANSIENT | _THROTTLED | _CREDENTIALS or status >= 500:
            raise TransientError(f"{service} answered {code or status}") from error
        raise
    except ParamValidationError:
        raise  # our own mistake, and permanent
    except BotoCoreError as error:
        raise TransientError(f"{service} cannot be reached ({type(error).__name__})") from error


def is_refused_condition(error: ClientError) -> bool:
    """Whether a conditional write was refused because its condition does not hold."""
    return error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException"


def is_denied(error: ClientError) -> bool:
    """Whether a role may not make a request."""
    return error.response.get("Error", {}).get("Code") in {"AccessDenied", "AccessDeniedException"}


def is_refused_value(error: ClientError) -> bool:
    """Whether DynamoDB refused a request for its values, such as an item over 400 KB. An immediate retry changes
    nothing; another release, or another index of the table, may.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    """
    return error.response.get("Error", {}).get("Code") == "ValidationException"
