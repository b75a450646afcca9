"""What a function is told: by its environment when it is made, by Parameter Store on each run.

The environment is the installation's and never changes under a running function, so a mistake
in it ends the function by name. Parameters are people's and change while it runs, so a mistake
in them must not stop the watching: it takes away the permission to act, and is announced.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


class SettingsInvalid(Exception):
    """The environment is incomplete or wrong; the message names every variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of one controller; see `from_environ` for the variables.

    `claim` names the parameter that says whose the concern's selector is, where there is one, and
    `type_role` the ARN of the role that may change instances' types, where there is one.
    """

    concern: str
    project: str
    suffix: str
    ledger_bucket: str
    queue_url: str
    topic_arn: str
    claim: str = ""
    type_role: str = ""

    @property
    def installation(self) -> str:
        """How people tell this installation from others: `fleetmend-dev`."""
        return f"{self.project}-{self.suffix}"

    def parameter(self, name: str) -> str:
        """The full name of one of this installation's parameters, such as `mode/all`."""
        return f"/{self.project}/{self.suffix}/{name}"


_VARIABLES: Mapping[str, tuple[str, str, str]] = {
    # field → (variable, what it must look like, what that is in words)
    "concern": ("POWERTOOLS_SERVICE_NAME", r"[a-z]+", "the concern, such as recovery"),
    "project": ("FLEETMEND_PROJECT", r"[A-Za-z0-9_.-]+", "the project's name"),
    "suffix": ("FLEETMEND_SUFFIX", r"[A-Za-z0-9_.-]+", "the environment suffix, such as dev"),
    "ledger_bucket": (
        "FLEETMEND_LEDGER_BUCKET",
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "the name of a bucket",
    ),
    "queue_url": ("FLEETMEND_QUEUE_URL", r"https?://\S+", "the URL of a queue"),
    "topic_arn": ("FLEETMEND_TOPIC_ARN", r"arn:[a-z-]+:sns:\S+:\d{12}:\S+", "the ARN of a topic"),
}


def from_environ(environ: Mapping[str, str], *, queue: bool = True) -> Settings:
    """The settings in `environ`; `queue` says whether the function has one.

    Raises:
        SettingsInvalid: names every variable that is missing or wrong, and what it should be.
    """
    problems: list[str] = []
    values: dict[str, str] = {}
    for field, (variable, pattern, meaning) in _VARIABLES.items():
        value = environ.get(variable, "")
        values[field] = value
        if field == "queue_url" and not queue:
            continue
        if not value:
            problems.append(f"{variable} is not set: {meaning}")
        elif not re.fullmatch(pattern, value):
            problems.append(f"{variable}={value!r} is not {meaning}")
    if problems:
        raise SettingsInvalid("; ".join(problems))
    more = {
        "claim": environ.get("FLEETMEND_CLAIM", ""),
        "type_role": environ.get("FLEETMEND_TYPE_ROLE", ""),
    }
    return Settings(**values, **more)
