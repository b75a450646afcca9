"""Many impaired at once are an outage, of a zone or of AWS's: nothing is done, and told once.

Rebooting or moving them would add load to what fails already, and take down what still answers.
One record, of one subject, says how it stands: exhausted while so many are impaired, closed when
they are fewer. Nobody can tell it to go on: what is left afterwards is mended one by one.
"""

from dataclasses import replace
from datetime import datetime

from fleetmend.core.decisions.recovery import turns
from fleetmend.core.decisions.recovery.ailing import OFF
from fleetmend.core.incidents import is_old
from fleetmend.core.model import Decision, Mode, Record, RecoveryPolicy, Status
from fleetmend.core.scope import MASS_IMPAIRED, Ailing


def decide(
    seen: Ailing | None, record: Record | None, policy: RecoveryPolicy, now: datetime
) -> Decision:
    """What becomes of the one record of an outage."""
    if policy.mode is Mode.OFF:
        return Decision("off", record)
    if policy.impaired == OFF:
        return Decision("off", record and turns.closed(record, "off", "it is switched off"))
    if seen is None:
        return Decision("unseen", record)
    if is_old(seen.observed_at, record, policy.observation_lifetime, now):
        return Decision("stale", record, stale=True)
    many = sentence(seen, policy)
    if record is not None and record.status is Status.EXHAUSTED:
        return Decision(MASS_IMPAIRED, record) if many else _over(record)
    if not many:
        return Decision("no-outage", record and turns.closed(record, "over", "it is over"))
    blank = Record(turns.CONCERN, MASS_IMPAIRED, Status.CLOSED)
    began = replace(turns.opened(record or blank, now, MASS_IMPAIRED), status=Status.EXHAUSTED)
    began = replace(began, reason=MASS_IMPAIRED, note=many, next_look_at=None)
    why = "so many at once are an outage rather than so many faults"
    return Decision(MASS_IMPAIRED, began.telling("mass-impaired", many, why=why))


def sentence(seen: Ailing, policy: RecoveryPolicy) -> str:
    """That so many are impaired at once; empty while they are few."""
    count = len(seen.ids)
    return f"{count} instances are impaired at once" if count >= policy.impaired_mass else ""


def _over(record: Record) -> Decision:
    over = turns.closed(record, "over", "so many are impaired no longer")
    return Decision("over", over.telling("mass-impaired-over", over.note))
