"""What a program did that a graph cannot hold: all of it at once."""

from dataclasses import dataclass

from fleetmend.core.graph import Graph


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault: where (URN, property), what, and what to do about it.

    `kind` is for programs: `duplicate`, `lost-reference`, `damaged-reference`, `unknown-length`,
    `unsupported`, and, from the export, `unknown-type`, `unknown-property`, `value`.
    """

    urn: str
    property: str
    kind: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.urn}: {self.property}" if self.property else self.urn
        tail = f" {self.remedy}" if self.remedy else ""
        return f"{place}: {self.message}.{tail}"


class ProgramError(Exception):
    """The program ran, but what it declared is not sound; `problems` lists every fault."""

    def __init__(self, problems: list[Problem], graph: Graph | None = None) -> None:
        self.problems = tuple(sorted(set(problems)))
        self.graph = graph
        lines = [f"{len(self.problems)} fault(s) in the program:"]
        lines += [f"  {problem}" for problem in self.problems]
        super().__init__("\n".join(lines))


class CaptureError(ProgramError):
    """The resource graph could not be captured as the program means it."""


class ExportError(ProgramError):
    """The graph has something that Terraform's configuration cannot say."""
