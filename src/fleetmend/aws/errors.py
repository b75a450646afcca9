"""What an error of the SDK means: for a subject (`Failure`), and for a person (`PortError`).

Pure: nothing is called here. The codes are those of the Amazon EC2 API Reference, "Error codes
for the Amazon EC2 API", and of each service's "Common errors".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar, cast

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from fleetmend.core.model import Outcome, Result
from fleetmend.core.ports import PortError

P = TypeVar("P", bound=PortError)

SdkError = (sdk.ClientError, sdk.BotoCoreError, ResponseParserError)
"""What the SDK raises when AWS refused, did not answer, or answered what cannot be read.
Anything else is a defect of ours and is not caught."""

_MESSAGE_LENGTH = 500
"""Encoded authorization messages run to kilobytes; a record keeps the part people read."""


class Cause(Enum):
    """Where the cause of a failed call lies, which says how to split it."""

    SUBJECT = "in some of the subjects; the message may name them"
    PLACE = "in one type and zone"
    CALL = "in nothing the call contained: a part of it would fare no better"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call: what became of its subjects, where the cause lies, AWS's whole message."""

    outcome: Outcome
    cause: Cause
    text: str = ""


CAPACITY = {
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientCapacity",
    "InsufficientCapacityOnHost",
    "ReservationCapacityExceeded",
    # Quotas: nothing was started, fewer may fit, and room comes back when others stop.
    "InstanceLimitExceeded",
    "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded",
}
"""Nothing was started, and nothing will be by asking again at once."""

_UNSUPPORTED = {"Unsupported", "UnsupportedOperation"}
"""The type is not offered in the zone, or the configuration is not: said again next time."""

THROTTLED = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ResourceContention",  # Auto Scaling: another change of the group was being made
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
"""Nothing was done, and the same will be done if asked later."""

_FAILED_INSIDE = {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "ServerInternal",
    "ServiceUnavailable",
    "Unavailable",
}
"""AWS answers, and says that it could not."""

_CONFLICT = {
    "IncorrectInstanceState",
    "IncorrectSpotRequestState",
    "IncorrectState",
    "ResourceInUse",
    "ScalingActivityInProgress",
    # A try before this one was obeyed, or somebody else's hand was quicker: look again.
    "IdempotentParameterMismatch",
    "InvalidNetworkInterface.InUse",
    "Resource.AlreadyAssociated",
    "VolumeInUse",
}
_GONE = {"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"}

_DENIED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthorizationError"}

_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}

_ACCOUNT = {"Blocked", "OptInRequired", "PendingVerification"}

_NEVER_SENT = (
    sdk.ConnectTimeoutError,
    sdk.CredentialRetrievalError,
    sdk.EndpointConnectionError,
    sdk.NoCredentialsError,
    sdk.NoRegionError,
    sdk.PartialCredentialsError,
    sdk.ProxyConnectionError,
)


def code_of(error: Exception) -> str:
    """AWS's error code, or the name of the SDK's exception when AWS did not answer."""
    if isinstance(error, sdk.ClientError):
        return str(_part(error, "Error").get("Code") or status_of(error) or "Unknown")
    return type(error).__name__


def status_of(error: Exception) -> int:
    """The HTTP status of AWS's answer; 0 when there was none."""
    if not isinstance(error, sdk.ClientError):
        return 0
    status = _part(error, "ResponseMetadata").get("HTTPStatusCode")
    return status if isinstance(status, int) else 0


def message_of(error: Exception) -> str:
    """AWS's own words, shortened."""
    text = _text_of(error)
    return text if len(text) <= _MESSAGE_LENGTH else text[: _MESSAGE_LENGTH - 1] + "…"


def classify(error: Exception) -> Failure:
    """What a failed act means for the subjects it named."""
    result, cause = _meaning(error)
    return Failure(Outcome(result, code_of(error), message_of(error)), cause, _text_of(error))


def failed(kind: type[P], what: str, error: Exception) -> P:
    """The port's error for a call that failed, with what a person can do about it.

    Args:
        kind: the exception to make.
        what: what was tried, such as `reading records/recovery/i-1.json in the bucket b`.
        error: the SDK's exception.
    """
    code = code_of(error)
    return kind(
        f"{what} failed: {code}: {message_of(error)}", remedy=_remedy(error, code), code=code
    )


def _part(error: sdk.ClientError, key: str) -> Mapping[str, Any]:
    response = cast("Mapping[str, Any]", error.response)
    return cast("Mapping[str, Any]", response.get(key) or {})


def _text_of(error: Exception) -> str:
    if isinstance(error, sdk.ClientError):
        return str(_part(error, "Error").get("Message") or error)
    return str(error)


def _meaning(error: Exception) -> tuple[Result, Cause]:
    if not isinstance(error, sdk.ClientError):
        never_sent = isinstance(error, _NEVER_SENT)
        return (Result.THROTTLED if never_sent else Result.UNKNOWN), Cause.CALL
    code = code_of(error)
    if code in CAPACITY:
        return Result.CAPACITY, Cause.PLACE
    if code in _UNSUPPORTED:
        return Result.REFUSED, Cause.PLACE
    if code in THROTTLED or code in _FAILED_INSIDE:
        return Result.THROTTLED, Cause.CALL
    if code in _CONFLICT:
        return Result.CONFLICT, Cause.SUBJECT
    if code in _GONE:
        return Result.GONE, Cause.SUBJECT
    if code in _CREDENTIALS or code in _ACCOUNT:
        return Result.REFUSED, Cause.CALL
    if status_of(error) >= 500:  # a gateway's page, not EC2's word: the call may have gone through
        return Result.UNKNOWN, Cause.CALL
    return Result.REFUSED, Cause.SUBJECT


def _remedy(error: Exception, code: str) -> str:
    if isinstance(error, sdk.ClientError):
        if code in _DENIED or status_of(error) == 403:
            return "let the role do this (fleetmend check judges what its policy lacks)"
        if code in _CREDENTIALS:
            return "give the function or the shell valid credentials of the right account"
        if code in THROTTLED:
            return "nothing to do unless it lasts; then look for what else uses up the API rate"
        if status_of(error) >= 500 or code in _FAILED_INSIDE:
            return "nothing to do unless it lasts; then see the AWS Health Dashboard"
        return "see the service's documentation of this error code"
    if isinstance(error, (sdk.NoCredentialsError, sdk.PartialCredentialsError)):
        return "give the function or the shell valid credentials of the right account"
    if isinstance(error, sdk.NoRegionError):
        return "set AWS_REGION"
    return "check the region, and that the network reaches AWS (endpoints, routes, DNS)"
