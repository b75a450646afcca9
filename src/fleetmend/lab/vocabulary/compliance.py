"""Compliance's words: what happens to a scan and its rules, and what its reports must say."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from fleetmend.core.compliance import CompliancePolicy
from fleetmend.lab.vocabulary.overriding import overrides
from fleetmend.lab.words import Bounded, Court, Duration, Expectation, Finding, Verb, broken, held

GROUP = "Compliance"

ComplianceOverrides = Annotated[dict[str, Any], AfterValidator(overrides(CompliancePolicy))]
"""Overrides of `CompliancePolicy` by field name, in the form of Parameter Store."""


class AskRun(Verb, word="ask_run", short="by", group=GROUP):
    """Somebody asks for a run now, as `fleetmend run compliance` does."""

    by: str = Field(default="ana", description="who asks")


class BrokenRules(Verb, word="broken_rules", short="text", group=GROUP):
    """Somebody overwrites the rules in force with what is none."""

    text: str = Field(default="{", description="what stands there instead")


class Refuse(Verb, word="refuse_account", short="account", group=GROUP):
    """An account does not let the scan in: its role may not be taken."""

    account: str = Field(pattern=r"^\d{12}$", description="which account")
    span: Duration = Field(alias="for", description="how long")


class Report(Expectation, word="last_report", group=GROUP):
    """What the last report says. Everything that is given must be so."""

    complete: bool | None = Field(default=None, description="whether every branch was examined")
    judged: int | None = Field(default=None, ge=0, description="resources that were judged")
    violating: int | None = Field(default=None, ge=0, description="resources that break a rule")
    failed: tuple[str, ...] | None = Field(
        default=None, description="the branches that failed, such as `222222222222/us-east-1`"
    )

    def judge(self, court: Court) -> Finding:
        """The summary as it was written last."""
        reports = court.history.of("record", "report")
        if not reports:
            return broken("there is no report")
        last = reports[-1].detail
        for name in ("complete", "judged", "violating", "failed"):
            wanted = getattr(self, name)
            found = tuple(last[name]) if name == "failed" else last[name]
            if wanted is not None and found != wanted:
                return broken(f"{name} is {found}")
        return held(f"{last['violating']} of {last['judged']} violate")


class Reports(Bounded, word="committed", group=GROUP):
    """How many runs were committed; each with all its findings, so that nobody reads half."""

    def judge(self, court: Court) -> Finding:
        """Counts them; one whose findings are not all there breaks it."""
        runs = court.history.of("record", "committed")
        half = [event for event in runs if event.detail["missing"]]
        if half:
            return broken(f"{half[0].detail['run']} was committed without all of its findings")
        return self.count(len({event.detail["run"] for event in runs}), "runs committed")
