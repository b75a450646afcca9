"""Claims as Parameter Store keeps them: made once, kept fresh, taken over when they are old.

Creating one is conditional (`Overwrite=False`), so of two that begin at once one wins. Taking
one over is not, so it counts only when a later run reads it back: of two that try, the last to
write is the one that both then read.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, code_of
from fleetmend.core import claims
from fleetmend.lambdas.settings import Settings

_log = logging.getLogger(__name__)


def claimant(
    client: Client,
    settings: Settings,
    found: Mapping[str, Any] | None,
    now: Callable[[], datetime],
    *,
    acting: bool,
) -> str:
    """Who else has the claim, in words; empty where this installation has it.

    Args:
        client: Parameter Store's.
        settings: the function's environment.
        found: the parameter as GetParameters gave it, or None where there is none.
        now: the machine's clock; a claim's life is long beside what clocks differ by.
        acting: whether this installation would act; one that only watches claims nothing.
    """
    me = settings.installation
    if found is None:
        if not acting:
            return ""
        return "" if _put(client, settings, overwrite=False) else "another installation, just now"
    owner, at = str(found.get("Value") or "nobody"), _time(found.get("LastModifiedDate"))
    if owner == me:
        if at is not None and claims.is_due(at, now()):
            _put(client, settings, overwrite=True)
        return ""
    if acting and at is not None and claims.is_over(at, now()):
        _put(client, settings, overwrite=True)
        return f"{owner}, which has been gone since {at:%Y-%m-%d %H:%M} UTC; it is taken over"
    return owner


def _put(client: Client, settings: Settings, *, overwrite: bool) -> bool:
    """Whether it was written; why not is logged, since a later run tries again."""
    try:
        client.put_parameter(
            Name=settings.claim, Value=settings.installation, Type="String", Overwrite=overwrite
        )
    except SdkError as error:
        _log.warning("the claim was not written: %s", code_of(error))
        return False
    return True


def _time(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
