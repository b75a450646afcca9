"""The form of what an alert means to people; `core/meanings.py` has the table."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "error", "warning", "info"]
"""As PagerDuty grades: critical and error wake people, warning can wait, info is for the record."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One kind of alert.

    `headline` is what happened in a few words. `done` is what was done about it, where the alert
    itself does not say. `yours` is what is left to a person, empty when nothing is, and `command`
    the one that helps. `{subject}` stands for what it is about, `{line}` for the first line of
    the alert's text, `{whose}` for the option that names the concern. `over` says that this ends
    the trouble that the same subject was told of before. `asks` is the call whose caller may
    stand behind it, as CloudTrail names it.
    """

    headline: str
    severity: Severity
    done: str
    yours: str = ""
    command: str = "fleetmend incidents {subject}{whose}"
    over: bool = False
    asks: str = ""
