"""Claims as Parameter Store keeps them: made once, kept fresh, taken over when they are old.

Creating one is conditional, so of two that begin at once one wins. Taking one over is not, so it
counts only when a later run reads it back: of two that try, the last to write is the one that
both then read. An owner that comes back after so long that another may be taking over does the
same: it writes, and acts when it has read it back.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from fleetmend.aws.parameters import Parameter, ParameterStore
from fleetmend.core import claims
from fleetmend.core.ports import PortError
from fleetmend.lambdas.settings import Settings

_log = logging.getLogger(__name__)


def claimant(
    store: ParameterStore,
    settings: Settings,
    found: Parameter | None,
    now: Callable[[], datetime],
    *,
    acting: bool,
) -> str:
    """Who else has the claim, in words; empty where this installation has it.

    Args:
        store: where the claim stands.
        settings: the function's environment.
        found: the parameter as it was read, or None where there is none.
        now: the machine's clock; a claim's life is long beside what clocks differ by.
        acting: whether this installation would act; one that only watches claims nothing.
    """
    me = settings.installation
    if found is None:
        if not acting:
            return ""
        return "" if _put(store, settings, overwrite=False) else "another installation, just now"
    owner, at = found.value or "nobody", found.written_at
    if owner == me:
        moment = now()
        if at is not None and claims.is_due(at, moment):
            _put(store, settings, overwrite=True)
        if acting and at is not None and claims.is_slipping(at, moment):
            return f"nobody for sure: ours is of {at:%Y-%m-%d %H:%M} UTC, and is renewed"
        return ""
    if acting and at is not None and claims.is_over(at, now()):
        _put(store, settings, overwrite=True)
        return f"{owner}, which has been gone since {at:%Y-%m-%d %H:%M} UTC; it is taken over"
    return owner


def _put(store: ParameterStore, settings: Settings, *, overwrite: bool) -> bool:
    """Whether it was written; why not is logged, since a later run tries again."""
    try:
        store.put(settings.claim, settings.installation, overwrite=overwrite)
    except PortError as error:
        _log.warning("the claim was not written: %s", error)
        return False
    return True
