"""A run of compliance: planned once, examined branch by branch, committed last.

A branch is an account and a region. Its standing (where it has come to, and which parts it wrote)
is saved after every part, so that whoever is killed is followed by one who goes on from there.
Parts have names that were never used before, and only those count that the manifest names: a run
that comes twice, late or half changes nothing that anybody reads.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast

from fleetmend.core import history
from fleetmend.core.compliance import (
    Batch,
    Change,
    Finding,
    Tally,
    aged,
    changed,
    examine,
    kinds,
)
from fleetmend.core.ports import Archive, ObservationFailed, PortError
from fleetmend.core.standings import Branch, Part, Plan, Standing, part_key, save, standing_of

PART_PAGES = 20
"""Pages examined before a part is written: what a kill can cost is less than this."""

PART_FINDINGS = 20_000
"""Findings held before a part is written, whatever the pages: some 10 MB."""

EXAMPLES = 20
"""Findings named one by one where changes are told."""

_REFUSALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "Blocked",
        "InvalidClientTokenId",
        "OptInRequired",
        "RegionDisabledException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
"""What an account or a region will say again: the branch is given up, the others go on."""

_STALE_TOKENS = frozenset({"InvalidNextToken", "InvalidPaginationToken", "InvalidParameterValue"})
"""A place that EC2 no longer knows: the kind is begun anew."""

MOST_RESTARTS = 3

Scan = Callable[[str, str], Iterator[Batch]]
"""(kind, token) → what there is of this kind from there on."""


def advance(
    archive: Archive,
    plan: Plan,
    branch: Branch,
    scan: Scan,
    *,
    nonce: Callable[[], str],
    enough: Callable[[], bool],
) -> Standing:
    """Go on with a branch until it is done, given up, or there was enough for this time.

    Args:
        archive: where reports lie.
        plan: the run.
        branch: which of its branches.
        scan: lists what there is.
        nonce: a word that was never used before, one for each part.
        enough: asked after each page, whether to save the place and leave the rest to the next.

    Raises:
        PortError: AWS or the archive did not answer; what was saved stands.
    """
    standing = standing_of(archive, plan, branch)
    if standing.done:
        return standing
    before = _before(archive, branch)
    wanted = kinds(plan.rules)
    work = _Work(archive, plan, branch, nonce, enough, before)
    try:
        while standing.kind < len(wanted):
            standing = work.go_on(standing, wanted[standing.kind], scan)
            if enough():
                return standing
    except ObservationFailed as error:
        if error.code not in _REFUSALS:
            raise
        return save(archive, plan, branch, Standing(done=True, failure=str(error)))
    return save(archive, plan, branch, work.compared(standing))


@dataclass(frozen=True, slots=True)
class _Work:
    """What examining a branch needs at hand."""

    archive: Archive
    plan: Plan
    branch: Branch
    nonce: Callable[[], str]
    enough: Callable[[], bool]
    before: Mapping[str, date]

    def go_on(self, standing: Standing, kind: str, scan: Scan) -> Standing:
        """Examine one kind to its end, or until there was enough."""
        try:
            return self._examine(standing, kind, scan)
        except ObservationFailed as error:
            stale = standing.token and error.code in _STALE_TOKENS
            if not stale or standing.restarts >= MOST_RESTARTS:
                raise
            others = tuple(part for part in standing.parts if part.kind != kind)
            anew = replace(standing, token="", parts=others, restarts=standing.restarts + 1)
            return save(self.archive, self.plan, self.branch, anew)

    def _examine(self, standing: Standing, kind: str, scan: Scan) -> Standing:
        found: list[Finding] = []
        tally, pages = Tally(), 0
        for batch in scan(kind, standing.token):
            found += examine(self.plan.rules, batch.resources, tally, self.plan.day)
            pages += 1
            full = pages >= PART_PAGES or len(found) >= PART_FINDINGS
            leave = self.enough()
            if full or leave or not batch.token:
                standing = self._keep(standing, kind, found, tally, batch.token)
                found, tally, pages = [], Tally(), 0
            if leave:
                break
        return standing

    def _keep(
        self, standing: Standing, kind: str, found: list[Finding], tally: Tally, token: str
    ) -> Standing:
        """Write a part, then where it ended: whoever finds no place has no part either."""
        part = Part(f"{len(standing.parts):04d}-{self.nonce()[:8]}", kind, tally)
        if found:
            rows = [
                history.row_of(aged(one, self.before), self.plan.run, part.name) for one in found
            ]
            self.archive.put(part_key(self.plan, self.branch, part.name), history.packed(rows))
        parts = (*standing.parts, part)
        ended = {"kind": standing.kind + 1, "token": ""} if not token else {"token": token}
        kept = replace(standing, parts=parts, **cast("Any", ended))
        return save(self.archive, self.plan, self.branch, kept)

    def compared(self, standing: Standing) -> Standing:
        """The finished standing with what changed since the branch's last report."""
        whole = findings_of(self.archive, self.plan, self.branch, standing)
        now = [finding.name for finding in whole]
        change: Change = changed(self.before, now)
        examples = [f"broken: {name}" for name in change.broken[:EXAMPLES]]
        examples += [f"fixed: {name}" for name in change.fixed[: EXAMPLES - len(examples)]]
        return replace(
            standing,
            done=True,
            broken=len(change.broken),
            fixed=len(change.fixed),
            examples=tuple(examples),
        )


def _before(archive: Archive, branch: Branch) -> dict[str, date]:
    """The findings of the branch's last committed run, each with the day it was first seen."""
    return {finding.name: finding.since for finding in last_findings(archive, branch)}


def last_findings(archive: Archive, branch: Branch) -> Iterator[Finding]:
    """The findings of the branch's last committed run; none where there never was one.

    Raises:
        PortError: the archive did not answer, or what it holds cannot be read.
    """
    last = last_runs(archive).get(branch)
    if last is None:
        return
    run, day = last
    manifest = archive.get(history.manifest_key(day, run))
    for row in _rows(manifest, f"the manifest of {run}") if manifest else ():
        if (row.get("account"), row.get("region")) == (branch.account, branch.region):
            part = history.part_key(day, branch.account, branch.region, run, str(row.get("part")))
            if row.get("findings"):
                yield from _findings(archive, part)


def last_runs(archive: Archive) -> dict[Branch, tuple[str, date]]:
    """Each branch's newest run that succeeded, as the latest report says.

    Raises:
        PortError: the archive did not answer, or what it holds cannot be read.
    """
    body = archive.get(f"{history.LATEST}.json")
    if body is None:
        return {}
    try:
        read = cast("dict[str, Any]", json.loads(body))
        return {
            Branch(str(one["account"]), str(one["region"])): (
                str(one["last_run"]),
                date.fromisoformat(one["last_day"]),
            )
            for one in cast("list[dict[str, Any]]", read["branches"])
            if one["last_run"]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise PortError(
            f"{history.LATEST}.json cannot be read: {error}",
            remedy="remove it: the next run starts a history of its own, and older ones stay",
        ) from error


def findings_of(
    archive: Archive, plan: Plan, branch: Branch, standing: Standing
) -> Iterator[Finding]:
    """All findings of a branch that is done, part by part.

    Raises:
        PortError: the archive did not answer, or a part cannot be read.
    """
    for part in standing.parts:
        if part.tally.violating:
            yield from _findings(archive, part_key(plan, branch, part.name))


def _findings(archive: Archive, key: str) -> Iterator[Finding]:
    """The findings of one part; one that has expired has none."""
    body = archive.get(key)
    for row in _rows(body, key) if body else ():
        yield history.finding_of(row)


def _rows(body: bytes, what: str) -> Iterable[Mapping[str, object]]:
    try:
        return list(history.unpacked(body))
    except ValueError as error:
        raise PortError(f"{what} cannot be read: {error}") from error
