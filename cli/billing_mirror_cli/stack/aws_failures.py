"""What an error of AWS, or of the package, means for the operator."""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from billing_mirror.core.errors import MirrorError

from ..failures import Failure

_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AccessDeniedFault", "AuthorizationError", "UnauthorizedOperation"}
)
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_MISSING = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "NotFoundException", "QueueDoesNotExist", "ResourceNotFoundException"}
)
_BUSY = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_ACTION = re.compile(r"not authorized to perform:? (?P<action>[a-z0-9-]+:\w+)")
LOG_IN = "Log in (aws sso login, aws configure), or name a profile in AWS_PROFILE"


def explain(error: BotoCoreError | ClientError | MirrorError) -> Failure:
    """The error as a sentence, and what to do."""
    if isinstance(error, MirrorError):
        return Failure(_sentence(str(error)))
    if isinstance(error, ClientError):
        return _explain_answer(error)
    match error:
        case NoCredentialsError():
            return Failure("There are no AWS credentials", LOG_IN)
        case ProfileNotFound():
            return Failure(_sentence(str(error)), "aws configure list-profiles names those that exist")
        case NoRegionError():
            return Failure("No AWS region is set", "Set AWS_REGION, or give --region")
        case EndpointConnectionError() | HTTPClientError():
            return Failure(_sentence(str(error)), "Is the network up? A sandbox starts with: make sandbox")
    return Failure(_sentence(str(error)))


def _explain_answer(error: ClientError) -> Failure:
    answer = error.response.get("Error", {})
    code, text = answer.get("Code", ""), answer.get("Message", "")
    if code in _DENIED:
        action = _ACTION.search(text)
        needed = action["action"] if action else error.operation_name
        return Failure(f"AWS does not allow {error.operation_name}", f"Your role needs the permission {needed}")
    if code in _CREDENTIALS:
        return Failure(f"AWS does not accept the credentials ({code})", LOG_IN)
    return Failure(f"AWS refuses {error.operation_name}: {code}: {text}".rstrip(": "), _remedy(code))


def _remedy(code: str) -> str:
    if code in _MISSING:
        return "A part of the stack was deleted, or is in another region: deploy the stack again, or give --region"
    if code in _BUSY:
        return "AWS is asked too often: try it again in a minute"
    return "Try it again; if AWS still refuses, its text above names the cause, and --debug the call"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")
