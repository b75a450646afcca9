"""What a run of compliance is to do, and where it stands: plans and standings, saved as JSON.

A branch is an account and a region. Its standing (where it has come to, and which parts it wrote)
is one object, so that whatever was saved last is consistent in itself.
"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from fleetmend.core import history, rules
from fleetmend.core.compliance import Tally
from fleetmend.core.ports import Archive, PortError
from fleetmend.core.rules import Rules

FOLDER = "progress/compliance/"
"""Where plans and standings lie; nobody reads them once a run is committed."""


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """One account's region."""

    account: str
    region: str

    @property
    def name(self) -> str:
        """How people read it."""
        return f"{self.account}/{self.region}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do, the same for all who work on it.

    `day` is its partition, `digest` the day of the week for one, or `never`, and `lanes` into how
    many parts a region is split.
    """

    run: str
    day: date
    rules: Rules
    branches: tuple[Branch, ...]
    digest: str = "never"
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One file of findings, with what was judged for it. `tally` counts that."""

    name: str
    kind: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one branch stands. `kind` counts the kinds that are done, `token` is within the next.

    `failure` says why it was given up. `change` is known when it is done.
    """

    kind: int = 0
    token: str = ""
    parts: tuple[Part, ...] = ()
    restarts: int = 0
    done: bool = False
    failure: str = ""
    broken: int = 0
    fixed: int = 0
    examples: tuple[str, ...] = ()

    @property
    def tally(self) -> Tally:
        """All that was judged."""
        total = Tally()
        for part in self.parts:
            total.add(part.tally)
        return total


def named(now: datetime, nonce: str) -> str:
    """A run's name: later runs have greater names."""
    return f"{now:%Y%m%dT%H%M%SZ}-{nonce[:8]}"


def begin(archive: Archive, plan: Plan) -> Plan:
    """Write a plan down. One that is there already under its name stands.

    Raises:
        PortError: the archive did not answer.
    """
    body = {
        "day": plan.day.isoformat(),
        "rules": json.loads(rules.encode(plan.rules)),
        "branches": [[branch.account, branch.region] for branch in plan.branches],
        "digest": plan.digest,
        "lanes": plan.lanes,
    }
    if archive.put(_plan_key(plan.run), as_json(body), once=True):
        return plan
    return planned(archive, plan.run)


def planned(archive: Archive, run: str) -> Plan:
    """The plan of a run.

    Raises:
        PortError: there is none, or it cannot be read.
    """
    body = archive.get(_plan_key(run))
    if body is None:
        raise PortError(f"there is no plan of the run {run}", remedy="begin a new run")
    try:
        read = cast("dict[str, Any]", json.loads(body))
        return Plan(
            run,
            date.fromisoformat(read["day"]),
            rules.decode(as_json(read["rules"])),
            tuple(Branch(str(account), str(region)) for account, region in read["branches"]),
            str(read.get("digest", "never")),  # a plan of the release before has neither
            int(read.get("lanes", 1)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PortError(
            f"the plan of the run {run} cannot be read: {error}", remedy="begin a new run"
        ) from error


def standing_of(archive: Archive, plan: Plan, branch: Branch) -> Standing:
    """Where a branch stands; at its beginning where nothing is saved, or nothing readable.

    Raises:
        PortError: the archive did not answer.
    """
    body = archive.get(_standing_key(plan.run, branch))
    if body is None:
        return Standing()
    try:
        return _read_standing(cast("dict[str, Any]", json.loads(body)))
    except (ValueError, KeyError, TypeError):
        return Standing()  # begun anew: its parts were never named to anybody


def save(archive: Archive, plan: Plan, branch: Branch, standing: Standing) -> Standing:
    """Write where a branch stands.

    Raises:
        PortError: the archive did not answer; the last standing that was saved is in force.
    """
    archive.put(_standing_key(plan.run, branch), _standing_json(standing))
    return standing


def part_key(plan: Plan, branch: Branch, part: str) -> str:
    """Where a part of a branch's findings lies."""
    return history.part_key(plan.day, branch.account, branch.region, plan.run, part)


def _plan_key(run: str) -> str:
    return f"{FOLDER}{run}/plan.json"


def _standing_key(run: str, branch: Branch) -> str:
    return f"{FOLDER}{run}/{branch.account}/{branch.region}.json"


def as_json(value: object) -> bytes:
    """JSON for people and machines; the same value has the same bytes."""
    return (json.dumps(value, sort_keys=True, indent=1) + "\n").encode()


def _standing_json(standing: Standing) -> bytes:
    parts = [
        {
            "name": part.name,
            "kind": part.kind,
            "judged": part.tally.judged,
            "violating": part.tally.violating,
            "by_rule": part.tally.by_rule,
            "by_owner": part.tally.by_owner,
            "by_severity": part.tally.by_severity,
        }
        for part in standing.parts
    ]
    return as_json(
        {
            "kind": standing.kind,
            "token": standing.token,
            "parts": parts,
            "restarts": standing.restarts,
            "done": standing.done,
            "failure": standing.failure,
            "broken": standing.broken,
            "fixed": standing.fixed,
            "examples": standing.examples,
        }
    )


def _read_standing(body: dict[str, Any]) -> Standing:
    parts = tuple(
        Part(
            str(one["name"]),
            str(one["kind"]),
            Tally(
                int(one["judged"]),
                int(one["violating"]),
                Counter(one["by_rule"]),
                Counter(one["by_owner"]),
                Counter(one["by_severity"]),
            ),
        )
        for one in body["parts"]
    )
    return Standing(
        kind=int(body["kind"]),
        token=str(body["token"]),
        parts=parts,
        restarts=int(body["restarts"]),
        done=bool(body["done"]),
        failure=str(body["failure"]),
        broken=int(body["broken"]),
        fixed=int(body["fixed"]),
        examples=tuple(body["examples"]),
    )
