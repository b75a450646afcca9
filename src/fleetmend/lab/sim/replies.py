"""What the simulated AWS answers: values, AWS's errors, or nothing at all."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Raw:
    """An answer that is more than its fields: S3's bodies and headers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


class AwsError(Exception):
    """AWS said no. `status` is the HTTP status that goes with the code.

    `culprits` are the ids to blame, for the tape alone: AWS does not say.
    """

    def __init__(
        self, code: str, message: str = "", status: int = 0, culprits: tuple[str, ...] = ()
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or f"({code})"
        self.status = status or STATUS.get(code, 400)
        self.culprits = culprits


class NoAnswer(Exception):
    """The connection was lost, or the time-out of the client passed without an answer."""

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("timeout" if timed_out else "connection closed")
        self.timed_out = timed_out


CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
"""The codes of an instance's states (EC2 API Reference, InstanceState)."""

STATUS = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "AuthorizationError": 403,
    "UnauthorizedOperation": 403,
    "ConditionalRequestConflict": 409,
    "PreconditionFailed": 412,
    "NoSuchKey": 404,
    "NoSuchBucket": 404,
    "NotFound": 404,
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "ServerInternal": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Unavailable": 503,
}
"""HTTP status by error code; 400 for all others."""

THROTTLED = {
    "autoscaling": "Throttling",
    "cloudtrail": "ThrottlingException",
    "cloudwatch": "Throttling",
    "elbv2": "Throttling",
    "ec2": "RequestLimitExceeded",
    "s3": "SlowDown",
    "sns": "Throttling",
    "sqs": "ThrottlingException",
    "ssm": "ThrottlingException",
}
"""How each service says that it is asked too often."""

LOST_WORDS = frozenset({"timeout", "connection"})
"""Words a scenario may use for an error code when there is no answer and no effect."""

Answer = dict[str, Any] | Raw
