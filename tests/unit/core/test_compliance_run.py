"""A run: saved after every part, committed last, the same whoever was killed on the way."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta

import pytest

from fleetmend.core import compliance_run, history
from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.compliance_report import finish
from fleetmend.core.compliance_run import advance, findings_of
from fleetmend.core.ports import ObservationFailed, PortError
from fleetmend.core.rules import Rule, Rules
from fleetmend.core.standings import Branch, Plan, begin, named, planned, standing_of
from tests.unit.core.archive import Killed, MemoryArchive

DAY = date(2026, 3, 14)
NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
HERE, THERE = Branch("111111111111", "eu-west-1"), Branch("222222222222", "us-east-1")
RULES = Rules((Rule("owner", "Owner", kinds=("instance", "volume")), Rule("env", "Env")), "v1")


def fleet(kind: str, broken: int = 3) -> list[Resource]:
    return [
        Resource(
            kind,
            f"{kind}-{n}",
            {"Env": "prod"} if n % broken == 0 else {"Owner": "web", "Env": "x"},
        )
        for n in range(10)
    ]


class World:
    """An account's resources, two on a page; the token of a page is its number."""

    def __init__(self, archive: MemoryArchive, broken: int = 3) -> None:
        self.archive = archive
        self.broken = broken
        self.refusal = ""
        self.stale: set[str] = set()
        self.nonces = itertools.count()

    def scan(self, kind: str, token: str):
        all_of_it = fleet(kind, self.broken)
        at = int(token or 0)
        while True:
            self.archive.tick()
            if self.refusal:
                raise ObservationFailed("no", code=self.refusal)
            if str(at) in self.stale:
                self.stale.discard(str(at))
                raise ObservationFailed("gone", code="InvalidNextToken")
            following = str(at + 2) if at + 2 < len(all_of_it) else ""
            yield Batch(all_of_it[at : at + 2], following)
            if not following:
                return
            at += 2

    def nonce(self) -> str:
        return f"{next(self.nonces):08x}"

    def go(self, plan: Plan, branch: Branch, enough=lambda: False):
        return advance(self.archive, plan, branch, self.scan, nonce=self.nonce, enough=enough)


def plan_of(day: date = DAY, branches=(HERE,), run: str = "") -> Plan:
    moment = NOW + (day - DAY)
    return Plan(run or named(moment, "abcdef0123"), day, RULES, branches)


def whole(archive: MemoryArchive, plan: Plan, world: World):
    begin(archive, plan)
    for branch in plan.branches:
        world.go(plan, branch)
    return finish(archive, plan, NOW)


def committed(archive: MemoryArchive) -> set[tuple[str, ...]]:
    """What readers see: findings of parts that manifests name; run by run, without parts' names."""
    named_parts = {
        (row["run"], row["part"])
        for key, body in archive.objects.items()
        if key.startswith(history.RUNS)
        for row in history.unpacked(body)
    }
    return {
        (row["run"], row["kind"], row["id"], row["rule"], row["since"])
        for key, body in archive.objects.items()
        if key.startswith(history.FINDINGS)
        for row in history.unpacked(body)
        if (row["run"], row["part"]) in named_parts
    }


def test_nobody_reads_a_run_before_it_is_committed():
    archive = MemoryArchive()
    plan = begin(archive, plan_of())
    world = World(archive)
    world.go(plan, HERE)
    assert committed(archive) == set()
    finished = finish(archive, plan, NOW)
    assert len(committed(archive)) == 4 + 4  # every third of ten instances and volumes: no owner
    assert finished.summary["complete"]
    assert (finished.summary["judged"], finished.summary["violating"]) == (20, 8)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("pages", [1, 3])
def test_killed_at_any_call_and_continued_it_reports_the_same(monkeypatch, after, pages):
    monkeypatch.setattr(compliance_run, "PART_PAGES", pages)
    archive = MemoryArchive()
    truth = whole(archive, plan_of(), World(archive)).summary
    seen, calls = committed(archive), archive.calls
    assert calls > 15
    for call in range(1, calls + 1):
        archive = MemoryArchive()
        world = World(archive)
        archive.kill_at, archive.after = call, after
        with pytest.raises(Killed):
            whole(archive, plan_of(), world)
        archive.kill_at = 0
        assert committed(archive) in (set(), seen)
        told = whole(archive, plan_of(), world).summary
        assert committed(archive) == seen, call
        assert told == truth, call


def test_it_leaves_when_there_was_enough_and_goes_on_where_it_was():
    archive = MemoryArchive()
    world = World(archive)
    plan = begin(archive, plan_of())
    rounds = 0
    while not world.go(plan, HERE, enough=lambda: True).done:
        rounds += 1
        assert rounds < 30
    assert rounds == 10  # ten pages of two
    other = MemoryArchive()
    whole(other, plan_of(), World(other))
    finish(archive, plan, NOW)
    assert committed(archive) == committed(other)


def test_a_zombie_that_wakes_late_changes_nothing_that_is_read():
    archive = MemoryArchive()
    world = World(archive)
    plan = begin(archive, plan_of())
    world.go(plan, HERE, enough=lambda: True)
    zombie = dict(archive.objects)
    world.go(plan, HERE)
    finish(archive, plan, NOW)
    seen = committed(archive)
    standing = next(key for key in zombie if key.endswith("eu-west-1.json"))
    archive.objects[standing] = zombie[standing]  # it saved where it was
    world.go(plan, HERE)  # and went on
    finish(archive, plan, NOW)
    assert committed(archive) == seen


def test_a_place_that_ec2_forgot_is_begun_anew():
    archive = MemoryArchive()
    world = World(archive)
    plan = begin(archive, plan_of())
    world.go(plan, HERE, enough=lambda: True)
    world.stale = {"2"}
    standing = world.go(plan, HERE)
    assert (standing.done, standing.restarts) == (True, 1)
    assert (standing.tally.judged, standing.tally.violating) == (20, 8)


def test_a_place_that_is_always_forgotten_is_a_failure_of_the_call():
    archive = MemoryArchive()
    world = World(archive)
    plan = begin(archive, plan_of())
    world.go(plan, HERE, enough=lambda: True)
    for _ in range(compliance_run.MOST_RESTARTS):
        world.stale = {"2"}
        world.go(plan, HERE, enough=lambda: True)
        world.go(plan, HERE, enough=lambda: True)
    world.stale = {"2"}
    with pytest.raises(ObservationFailed):
        world.go(plan, HERE)


def test_a_branch_that_refuses_spoils_no_other():
    archive = MemoryArchive()
    plan = begin(archive, plan_of(branches=(HERE, THERE)))
    good, bad = World(archive), World(archive)
    bad.refusal = "UnauthorizedOperation"
    good.go(plan, HERE)
    assert bad.go(plan, THERE).failure == "no"
    finished = finish(archive, plan, NOW)
    assert not finished.summary["complete"]
    assert finished.summary["judged"] == 20
    kinds = {kind: f"{text}: {why}" for kind, text, why in finished.alerts}
    assert "222222222222/us-east-1: no" in kinds["incomplete"]
    assert len(committed(archive)) == 8


def test_a_branch_that_was_never_finished_is_told():
    archive = MemoryArchive()
    plan = begin(archive, plan_of(branches=(HERE, THERE)))
    world = World(archive)
    world.go(plan, HERE)
    world.go(plan, THERE, enough=lambda: True)
    finished = finish(archive, plan, NOW)
    assert [one["failure"] for one in finished.summary["branches"]] == ["", "it was not finished"]
    assert len(committed(archive)) == 8


def test_what_throttles_is_tried_again_by_whoever_called():
    archive = MemoryArchive()
    world = World(archive)
    world.refusal = "RequestLimitExceeded"
    plan = begin(archive, plan_of())
    with pytest.raises(ObservationFailed):
        world.go(plan, HERE)
    assert not standing_of(archive, plan, HERE).done


def test_alerts_are_for_change_only_and_findings_keep_their_first_day():
    archive = MemoryArchive()
    first = whole(archive, plan_of(), World(archive))
    assert [kind for kind, *_ in first.alerts] == ["changed"]
    same = whole(archive, plan_of(DAY + timedelta(days=1)), World(archive))
    assert same.alerts == ()
    assert (same.summary["broken"], same.summary["fixed"]) == (0, 0)
    later = plan_of(DAY + timedelta(days=2))
    changed = whole(archive, later, World(archive, broken=4))
    assert (changed.summary["broken"], changed.summary["fixed"]) == (4, 6)
    since = {
        one.id: one.since
        for one in findings_of(archive, later, HERE, standing_of(archive, later, HERE))
    }
    assert since["instance-0"] == DAY
    assert since["instance-4"] == DAY + timedelta(days=2)
    assert [point["violating"] for point in changed.summary["trend"]] == [8, 8, 6]


def test_after_a_failed_day_a_branch_is_compared_with_its_last_good_one():
    archive = MemoryArchive()
    whole(archive, plan_of(), World(archive))
    refusing = World(archive)
    refusing.refusal = "AccessDenied"
    failed = whole(archive, plan_of(DAY + timedelta(days=1)), refusing)
    assert failed.summary["branches"][0]["last_day"] == "2026-03-14"
    assert whole(archive, plan_of(DAY + timedelta(days=2)), World(archive)).alerts == ()


def test_an_older_run_that_ends_late_does_not_replace_the_latest_report():
    archive = MemoryArchive()
    old, new = plan_of(), plan_of(DAY + timedelta(days=1))
    world = World(archive)
    begin(archive, old)
    world.go(old, HERE)
    whole(archive, new, world)
    finish(archive, old, NOW)
    assert json.loads(archive.objects[f"{history.LATEST}.json"])["run"] == new.run


def test_a_plan_stands_as_it_was_first_written():
    archive = MemoryArchive()
    first = begin(archive, plan_of())
    other = Plan(first.run, first.day, Rules(()), ())
    assert begin(archive, other) == first
    assert planned(archive, first.run) == first
    with pytest.raises(PortError, match="there is no plan"):
        planned(archive, "nothing")
    archive.objects["progress/compliance/bad/plan.json"] = b"{}"
    with pytest.raises(PortError, match="cannot be read"):
        planned(archive, "bad")


def test_a_standing_that_cannot_be_read_is_begun_anew():
    archive = MemoryArchive()
    world = World(archive)
    plan = begin(archive, plan_of())
    world.go(plan, HERE, enough=lambda: True)
    key = next(key for key in archive.objects if key.endswith("eu-west-1.json"))
    archive.objects[key] = b'{"kind": "x"}'
    assert world.go(plan, HERE).tally.judged == 20


def test_the_page_says_it_all_and_escapes_it():
    archive = MemoryArchive()
    world = World(archive)
    plan = begin(archive, plan_of(branches=(HERE, THERE)))
    world.go(plan, HERE)
    world.refusal = "AccessDenied"
    world.go(plan, THERE)
    finish(archive, plan, NOW)
    page = archive.objects[f"{history.LATEST}.html"].decode()
    assert "60.0 %" in page
    assert "1 of 2 accounts and regions could not be" in page
    assert "<polyline" in page
    assert "<script" not in page


def test_names_of_runs_grow_with_time():
    assert named(NOW, "ffffffffff") < named(NOW + timedelta(seconds=1), "0000000000")
