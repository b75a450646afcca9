"""Asking the installed controller of compliance for a run, and following it to its report."""

import time
from typing import TYPE_CHECKING

from fleetmend.cli.complying import last
from fleetmend.cli.failures import Exit, Failure
from fleetmend.cli.output import as_json, escape, out, working
from fleetmend.core.compliance import CONCERN
from fleetmend.core.standings import planned, standing_of

if TYPE_CHECKING:
    from fleetmend.aws.archive import S3Archive
    from fleetmend.aws.scans import Begun
    from fleetmend.cli.target import Target

_POLL = 1.0


def scan(whom: "Target", *, by: str, wait: float, machine: bool) -> Exit:
    """Have a run begun, follow it, and show its report.

    Args:
        whom: whose controller.
        by: who asks.
        wait: seconds to wait at most; 0 does not wait.
        machine: whether to print JSON.

    Raises:
        Failure: there is no such controller, its mode is off, or the run did not end in time.
        PortError: AWS refused or did not answer.
    """
    from fleetmend.aws.installation import connect  # noqa: PLC0415 -- boto3
    from fleetmend.aws.scans import begin  # noqa: PLC0415

    facts = whom.installation.facts
    function = facts.functions.get(CONCERN)
    if function is None:
        raise Failure(
            f"{facts.name} has no controller for {CONCERN}",
            "install it (deployCompliance), or judge from here: fleetmend comply --rules FILE",
        )
    begun = begin(connect(facts.region)("lambda"), function, by)
    if not begun.run:
        raise Failure(f"no run was begun: {begun.why}", f"fleetmend mode {CONCERN} act")
    if wait:
        _follow(whom, begun, wait)
        return last(whom, machine=machine)
    if machine:
        as_json({"asked": True, "run": begun.run, "report": None})
    else:
        out.print(f"run {escape(begun.run)} is under way; its report: fleetmend comply")
    return Exit.FINE


def _follow(whom: "Target", begun: "Begun", wait: float) -> None:
    """Wait for the end of a run, and say how many branches are done.

    Raises:
        Failure: it failed, or has not ended in time.
    """
    from fleetmend.aws.archive import S3Archive  # noqa: PLC0415 -- boto3
    from fleetmend.aws.installation import connect  # noqa: PLC0415
    from fleetmend.aws.scans import standing  # noqa: PLC0415

    facts = whom.installation.facts
    clients = connect(facts.region)
    archive = S3Archive(clients("s3"), facts.ledger_bucket)
    until, told = time.monotonic() + wait, ""
    with working(f"run {begun.run}") as say:
        while (state := standing(clients("stepfunctions"), begun.execution)) == "RUNNING":
            done, branches = _done(archive, begun.run)
            far = f"{done} of {branches} accounts and regions are done"
            if far != told:
                say(far)
            told = far
            if time.monotonic() >= until:
                raise Failure(
                    f"the run has not ended within {wait:g} s; {far}, and it goes on",
                    "wait longer: --wait; or see its report later: fleetmend comply",
                )
            time.sleep(_POLL)
    if state != "SUCCEEDED":
        raise Failure(
            f"the run {begun.run} ended {state.lower().replace('_', ' ')}",
            f"Step Functions shows why: {begun.execution}",
        )


def _done(archive: "S3Archive", run: str) -> tuple[int, int]:
    """How many branches are done, given up ones too, and how many there are."""
    plan = planned(archive, run)
    done = sum(standing_of(archive, plan, branch).done for branch in plan.branches)
    return done, len(plan.branches)
