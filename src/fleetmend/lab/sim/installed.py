"""What is installed in the simulated account, as the components declare it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fleetmend.core import claims
from fleetmend.core.events import DOWN_PATTERN, SCALED_PATTERN, TERMINATED_PATTERN, TURNED_PATTERN
from fleetmend.core.model import Selector
from fleetmend.core.rebuilding import RebuildPolicy

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
"""Second 0 of every simulation."""

PATTERNS: Mapping[str, Mapping[str, Any]] = {
    "recovery": DOWN_PATTERN,
    "rebuild": TERMINATED_PATTERN,
    "health": SCALED_PATTERN,
    "remediation": TURNED_PATTERN,
}
"""What each concern's rule subscribes to."""

CLAIMED: Mapping[str, Selector] = {"recovery": Selector(), "rebuild": RebuildPolicy().selector}
"""The selectors that an installation claims, as they are where the settings say nothing."""


@dataclass(frozen=True)
class Installed:
    """Names, and the numbers that the component gives to the queue, the mapping and the schedule.

    Durations in seconds. A test compares the numbers with the captured resource graph.
    """

    region: str
    account: str = "123456789012"
    project: str = "fleetmend"
    suffix: str = "sim"
    concern: str = "recovery"
    epoch: datetime = EPOCH
    batch: int = 1000
    window: float = 5.0
    concurrency: int = 2
    visibility: float = 360.0
    max_receives: int = 5
    sweep_every: float = 120.0
    timeout: float = 60.0

    @classmethod
    def of(cls, concern: str, region: str) -> "Installed":
        """One controller, with the schedule that its component gives it."""
        if concern == "compliance":
            return cls(region, concern=concern, sweep_every=86400.0, timeout=300.0)
        own = {"health": 60.0, "remediation": 3600.0}
        return cls(region, concern=concern, sweep_every=own.get(concern, 120.0))

    @property
    def states(self) -> frozenset[str]:
        """The states whose events its rule hands to the queue."""
        return frozenset(PATTERNS.get(self.concern, {}).get("detail", {}).get("state", ()))

    @property
    def name(self) -> str:
        """The installation, as claims and alerts call it."""
        return f"{self.project}-{self.suffix}"

    @property
    def bucket(self) -> str:
        """The ledger's bucket."""
        return f"{self.project}-ledger-{self.suffix}"

    @property
    def queue_name(self) -> str:
        """The controller's queue."""
        return f"{self.project}-{self.concern}-{self.suffix}"

    @property
    def queue_url(self) -> str:
        """Its address."""
        return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.queue_name}"

    @property
    def queue_arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:sqs:{self.region}:{self.account}:{self.queue_name}"

    @property
    def topic(self) -> str:
        """The topic's ARN."""
        return f"arn:aws:sns:{self.region}:{self.account}:{self.project}-alerts-{self.suffix}"

    def parameter(self, path: str) -> str:
        """A parameter's full name."""
        return f"/{self.project}/{self.suffix}/{path}"

    @property
    def claim(self) -> str:
        """The parameter that says whose the selector is; empty where none is claimed."""
        selector = CLAIMED.get(self.concern)
        return claims.parameter(self.concern, selector) if selector else ""

    def _scans(self) -> dict[str, str]:
        """What compliance's function knows beside what every one does."""
        arn = f"arn:aws:states:{self.region}:{self.account}:stateMachine"
        return {
            "FLEETMEND_MACHINE_ARN": f"{arn}:{self.project}-compliance-{self.suffix}",
            "FLEETMEND_SCAN_ROLE": f"{self.project}-compliance-scan-{self.region}-{self.suffix}",
            "FLEETMEND_EXTERNAL_ID": f"{self.project}-{self.suffix}",
        }

    @property
    def type_role(self) -> str:
        """The role that may change instances' types; recovery alone has one."""
        name = f"{self.project}-{self.concern}-types-{self.region}-{self.suffix}"
        return f"arn:aws:iam::{self.account}:role/{name}" if self.concern == "recovery" else ""

    def environment(self) -> dict[str, str]:
        """The function's environment variables."""
        prefix = "FLEETMEND"
        return {
            f"{prefix}_PROJECT": self.project,
            f"{prefix}_SUFFIX": self.suffix,
            f"{prefix}_LEDGER_BUCKET": self.bucket,
            **({f"{prefix}_CLAIM": self.claim} if self.claim else {}),
            **({f"{prefix}_TYPE_ROLE": self.type_role} if self.type_role else {}),
            f"{prefix}_QUEUE_URL": self.queue_url,
            f"{prefix}_TOPIC_ARN": self.topic,
            **(self._scans() if self.concern == "compliance" else {}),
            "POWERTOOLS_SERVICE_NAME": self.concern,
            "POWERTOOLS_METRICS_NAMESPACE": f"Fleetmend/{self.suffix}",
            "POWERTOOLS_METRICS_DISABLED": "true",
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "SIMULATED",
            "AWS_SECRET_ACCESS_KEY": "SIMULATED",
        }
