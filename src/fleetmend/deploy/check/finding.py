"""What a rule found."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is. Errors stop a deployment; warnings do with `--strict`."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault of one resource.

    `value` is the statement or value at fault, written for people: tokens are `${name.output}`.
    `accepted` is the reason given beside the resource; then the severity is info.
    """

    urn: str
    rule: str
    message: str
    value: str = ""
    remedy: str = ""
    severity: Severity = Severity.ERROR
    resource: str = ""
    accepted: str = ""

    def __str__(self) -> str:
        head = f"{self.severity}: {self.resource}: {self.message} [{self.rule}]"
        lines = [head]
        if self.value:
            lines.append(f"  at fault: {self.value}")
        if self.accepted:
            lines.append(f"  accepted: {self.accepted}")
        elif self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, str]:
        """For programs: all fields as texts."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "resource": self.resource,
            "urn": self.urn,
            "message": self.message,
            "value": self.value,
            "remedy": self.remedy,
            "accepted": self.accepted,
        }
