"""The kinds of value a setting can hold, each with the reason when it does not fit."""

import json
import re
import zoneinfo
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from fleetmend.core import ranges

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip
"""The values that CloudWatch Logs PutRetentionPolicy accepts, in days."""

PAGERDUTY = "pagerduty:"
"""What a webhook begins with when it is a PagerDuty routing key instead of an address."""


class Environment(StrEnum):
    """What an installation is for; it sets retention and recovery windows."""

    DEV = "dev"
    TEST = "test"
    STAGING = "staging"
    PROD = "prod"


class NatMode(StrEnum):
    """How private subnets reach the internet."""

    PER_ZONE = "per-zone"
    SINGLE = "single"
    NONE = "none"


class Scaling(StrEnum):
    """How a group follows its load: one of the two, never both."""

    TARGET_TRACKING = "target-tracking"
    STEP = "step"


class MissingData(StrEnum):
    """What an alarm makes of a period without data (CloudWatch PutMetricAlarm)."""

    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"
    MISSING = "missing"


def setting(
    default: Any,  # noqa: ANN401
    description: str,
    *,
    valid: str,
    env: str = "",
    **constraints: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """A setting: what it is for, what is valid, and an environment variable of its own.

    Args:
        default: Its value where nothing is said; `...` where something must be.
        description: One sentence for the reference page.
        valid: The valid form, as it stands in an error message.
        env: A further environment variable that is read, beside `FLEETMEND_<KEY>`.
        constraints: What pydantic's `Field` takes, such as `ge` and `pattern`.
    """
    extra = {"valid": valid, "env": env}
    field = cast("Callable[..., Any]", Field)
    return field(default, description=description, json_schema_extra=extra, **constraints)


def switch(description: str, *, on: bool) -> Any:  # noqa: ANN401
    """A setting that is on or off."""
    return setting(on, description, valid="true or false")


def _split(value: object) -> object:
    """A list from text: a JSON array, or items with commas between them."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return _json(text, list)
    return [item for item in re.split(r"[\s,]+", text) if item]


def _pairs(value: object) -> object:
    """A map from text: a JSON object, or `key=value` pairs with commas between them."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("{"):
        return _json(text, dict)
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    if any(not sign for _, sign, _ in pairs):
        raise ValueError("a pair has no '='")
    return {key.strip(): item.strip() for key, _, item in pairs}


def json_object(value: object) -> object:
    """An object from its JSON text.

    Raises:
        ValueError: it is none.
    """
    return _json(value, dict) if isinstance(value, str) else value


def _json(text: str, kind: type) -> object:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at column {error.colno}: {error.msg}") from None
    if not isinstance(parsed, kind):
        raise ValueError(f"not a JSON {kind.__name__}")  # noqa: TRY004 -- pydantic reads ValueError
    return cast("object", parsed)


def _cidr(value: str) -> str:
    try:
        return str(ranges.parse(value))
    except ValueError as error:
        raise ValueError(str(error)) from None


def _retention(value: int) -> int:
    if value not in RETENTION_DAYS:
        raise ValueError("CloudWatch does not accept this number of days")
    return value


def _email(value: SecretStr) -> SecretStr:
    pattern = r"[^@\s<>,;:\"()\[\]\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
    if not re.fullmatch(pattern, value.get_secret_value()):
        raise ValueError("not an e-mail address")
    return value


def _webhook(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text.startswith(PAGERDUTY):
        if not re.fullmatch(r"[A-Za-z0-9]{32}", text.removeprefix(PAGERDUTY)):
            raise ValueError("a PagerDuty routing key has 32 letters and digits")
        return value
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("not an address") from None
    if parts.scheme != "https" or not parts.hostname or not port_is_fine or " " in text:
        raise ValueError("not an https address")
    return value


def _time_zone(value: str) -> str:
    known = zoneinfo.available_timezones()  # none where the machine has no database
    if known and value not in known:
        raise ValueError("there is no such time zone")
    return value


def _port(value: int) -> int:
    if value in {22, 3389}:
        raise ValueError("instances are reached by Session Manager only, never by SSH or RDP")
    return value


def _tag_key(value: str) -> str:
    if value.lower().startswith("aws:"):
        raise ValueError("keys that begin with aws: belong to AWS")
    return value


def _tags(value: Mapping[str, str]) -> Mapping[str, str]:
    allowed = re.compile(r"[\w\s.:/=+\-@]*")
    for key, text in value.items():
        if not 1 <= len(key) <= 128 or len(text) > 256:
            raise ValueError(f"tag {key!r}: a key has 1 to 128 characters, a value up to 256")
        if key.lower().startswith("aws:"):
            raise ValueError(f"tag {key!r}: keys that begin with aws: belong to AWS")
        if not allowed.fullmatch(key) or not allowed.fullmatch(text):
            raise ValueError(f"tag {key!r}: letters, digits, spaces and . : / = + - @ _ only")
    return value


def _unique(value: list[Any]) -> list[Any]:
    if len(value) != len({str(item) for item in value}):
        raise ValueError("an item stands in it twice")
    return value


Cidr = Annotated[str, AfterValidator(_cidr)]
Retention = Annotated[int, AfterValidator(_retention)]
Email = Annotated[SecretStr, AfterValidator(_email)]
Webhook = Annotated[SecretStr, AfterValidator(_webhook)]
Port = Annotated[int, Field(ge=1, le=65535), AfterValidator(_port)]
TcpPort = Annotated[int, Field(ge=1, le=65535)]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Service = Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]*$")]
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]
TagKey = Annotated[
    str, Field(pattern=r"^[\w\s.:/=+\-@]+$", max_length=128), AfterValidator(_tag_key)
]
TimeZone = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$"),
    AfterValidator(_time_zone),
]
QueueArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,80}$")]
RoleArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@/_-]+$", max_length=612)
]
VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$")]
ImageOwner = Annotated[str, Field(pattern=r"^(amazon|aws-marketplace|\d{12})$")]
Tags = Annotated[dict[str, str], BeforeValidator(_pairs), AfterValidator(_tags)]

AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]

Accounts = Annotated[list[AccountId], BeforeValidator(_split), AfterValidator(_unique)]
Cidrs = Annotated[list[Cidr], BeforeValidator(_split)]
Ports = Annotated[list[TcpPort], BeforeValidator(_split), AfterValidator(_unique)]
Regions = Annotated[list[Region], BeforeValidator(_split), Field(min_length=1)]
Services = Annotated[list[Service], BeforeValidator(_split), AfterValidator(_unique)]
SubnetIds = Annotated[list[SubnetId], BeforeValidator(_split), AfterValidator(_unique)]
Emails = Annotated[list[Email], BeforeValidator(_split)]
QueueArns = Annotated[list[QueueArn], BeforeValidator(_split), AfterValidator(_unique)]
RoleArns = Annotated[list[RoleArn], BeforeValidator(_split), AfterValidator(_unique)]
VpcIds = Annotated[list[VpcId], BeforeValidator(_split), AfterValidator(_unique)]
ImageOwners = Annotated[list[ImageOwner], BeforeValidator(_split), AfterValidator(_unique)]
Webhooks = Annotated[list[Webhook], BeforeValidator(_split)]
