"""The history on a desk: committed runs only, the questions by name, and no way out of it."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.aws.athena import QuestionRefused
from fleetmend.console import history as desk
from fleetmend.console.folder import FolderArchive
from fleetmend.console.history import ask, fetch
from fleetmend.core import history
from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.compliance_report import finish
from fleetmend.core.compliance_run import advance
from fleetmend.core.rules import Rule, Rules
from fleetmend.core.standings import Branch, Plan, begin, named

DAY = date(2026, 3, 14)
RULES = Rules((Rule("owner", "Owner"), Rule("env", "Env", allowed=("prod", "dev"))), "v1")
HERE, THERE = Branch("111111111111", "eu-west-1"), Branch("222222222222", "us-east-1")


def run(archive, day: int, fleets: dict[Branch, list[Resource]], *, commit: bool = True) -> Plan:
    now = datetime(2026, 3, 14, 9, tzinfo=UTC) + timedelta(days=day)
    plan = begin(archive, Plan(named(now, "cafecafe"), now.date(), RULES, tuple(fleets)))
    count = itertools.count()
    for branch, fleet in fleets.items():
        advance(
            archive,
            plan,
            branch,
            lambda kind, token, fleet=fleet: iter([Batch(fleet, "")]),
            nonce=lambda: f"{next(count):08x}",
            enough=lambda: False,
        )
    if commit:
        finish(archive, plan, now)
    return plan


def instance(number: int, **tags: str) -> Resource:
    return Resource("instance", f"i-{number}", tags)


@pytest.fixture
def reports(tmp_path):
    """Three days of two accounts; the last day's run was never committed."""
    archive = FolderArchive(tmp_path)
    good = instance(1, Owner="web", Env="prod")
    run(
        archive,
        0,
        {HERE: [good, instance(2, Env="qa")], THERE: [instance(3, Owner="db", Env="Dev")]},
    )
    run(archive, 1, {HERE: [good, instance(2, Env="qa"), instance(4, Owner="db")], THERE: [good]})
    run(archive, 2, {HERE: [instance(9)], THERE: [instance(10)]}, commit=False)
    return tmp_path


def test_questions_by_name(reports):
    answers = {name: ask(reports, question.sql) for name, question in history.NAMED.items()}
    assert answers["worst-owners"].columns == ("owner", "findings", "resources")
    assert answers["worst-owners"].rows == (("(nobody)", 2, 1), ("db", 1, 1))
    assert answers["trend"].rows == (("2026-03-14", 3, 2, 1), ("2026-03-15", 4, 2, 2))
    assert [row[3:5] for row in answers["newly-broken"].rows] == [("i-4", "env")]
    assert [row[0] for row in answers["oldest-unresolved"].rows] == [
        "2026-03-14",
        "2026-03-14",
        "2026-03-15",
    ]


def test_what_was_not_committed_is_not_there(reports):
    assert ask(reports, "SELECT count(*) FROM findings WHERE id IN ('i-9', 'i-10')").rows == ((0,),)
    assert list((reports / history.FINDINGS).rglob("*dt=2026-03-16*"))


HALF = """\
SELECT r.run FROM runs r LEFT JOIN findings f ON f.run = r.run AND f.part = r.part
GROUP BY r.run, r.part, r.findings HAVING count(f.id) <> r.findings"""
"""Parts of committed runs whose findings are not all there."""


def test_at_no_write_of_a_run_is_half_of_it_there(reports):
    """Whoever asks while a run goes on, or after it was killed at any write, sees it not at all."""
    seen: list[tuple[str, object]] = []

    class Watched(FolderArchive):
        def put(self, key, body, *, once=False):
            put = super().put(key, body, once=once)
            assert ask(reports, HALF).rows == (), key
            seen.append((key, ask(reports, "SELECT * FROM latest ORDER BY id, rule").rows))
            return put

    fleet = [instance(n, Env="qa") for n in range(20, 25)]
    run(Watched(reports), 3, {HERE: fleet, THERE: fleet[:2]})
    commit = next(n for n, (key, _) in enumerate(seen) if key.startswith(history.RUNS))
    before, after = seen[commit - 1][1], seen[commit][1]
    assert len(before) == 3
    assert len(after) == 14
    assert [rows for _, rows in seen] == [before] * commit + [after] * (len(seen) - commit)
    assert commit > 4


@pytest.mark.parametrize("when", [0, 1, 2, 3, 4])
def test_a_run_that_is_committed_while_it_is_copied_is_not_half_there(
    reports, tmp_path_factory, when
):
    archive, copy = FolderArchive(reports), tmp_path_factory.mktemp("copy")
    plan = run(archive, 3, {HERE: [instance(20)], THERE: [instance(21)]}, commit=False)
    calls = itertools.count()

    class Racing(FolderArchive):
        def list(self, prefix):
            found = super().list(prefix)
            self.step()
            return found

        def get(self, key):
            self.step()
            return super().get(key)

        def step(self):
            if next(calls) == when:
                finish(archive, plan, datetime(2026, 3, 17, 9, tzinfo=UTC))

    fetch(Racing(reports), copy)
    assert ask(copy, HALF).rows == ()
    fetch(archive, copy)
    assert ask(copy, HALF).rows == ()
    assert ask(copy, "SELECT count(*) FROM latest").rows == ((4,),)


def test_copying_that_is_interrupted_is_made_good(reports, tmp_path_factory):
    class Failing(FolderArchive):
        left = 0

        def get(self, key):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().get(key)

    whole = len(list(reports.rglob("*.json.gz")))
    for k in range(0, whole, 2):
        copy, archive = tmp_path_factory.mktemp("copy"), Failing(reports)
        archive.left = k
        with pytest.raises(KeyboardInterrupt):
            fetch(archive, copy)
        assert ask(copy, HALF).rows == (), k
        fetch(FolderArchive(reports), copy)
        assert ask(copy, history.NAMED["trend"].sql) == ask(reports, history.NAMED["trend"].sql)


def test_a_run_that_is_committed_while_a_question_is_asked_is_not_half_there(reports, monkeypatch):
    archive = FolderArchive(reports)
    plan = run(archive, 3, {HERE: [instance(20)]}, commit=False)
    read, tables = desk._table, []

    def table(engine, folder, name, *more):
        read(engine, folder, name, *more)
        tables.append(name)
        if len(tables) == 1:
            run(archive, 4, {THERE: [instance(21)]})  # a whole one comes in between
            finish(archive, plan, datetime(2026, 3, 17, 9, tzinfo=UTC))

    monkeypatch.setattr(desk, "_table", table)
    assert ask(reports, HALF).rows == ()
    assert len(tables) == 2


def test_a_question_may_bring_its_own_tables(reports):
    sql = "with bad as (select owner from latest) select count(*) as n from bad;"
    assert ask(reports, sql).rows == ((3,),)


def test_an_empty_history_has_no_rows(tmp_path):
    assert ask(tmp_path, "SELECT * FROM latest").rows == ()
    assert ask(tmp_path, history.NAMED["trend"].sql).rows == ()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nothing FROM latest",
        "SELEC",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "",
    ],
)
def test_what_is_no_question_is_refused(reports, sql):
    with pytest.raises(QuestionRefused):
        ask(reports, sql)


def test_reports_are_fetched_once(reports, tmp_path_factory):
    class Counting(FolderArchive):
        got = 0

        def get(self, key):
            self.got += 1
            return super().get(key)

    archive, copy = Counting(reports), tmp_path_factory.mktemp("copy")
    fetch(archive, copy)
    fetched = archive.got
    assert fetched > 4
    fetch(archive, copy)
    assert archive.got == fetched
    assert ask(copy, history.NAMED["trend"].sql) == ask(reports, history.NAMED["trend"].sql)


def test_a_folder_keeps_what_was_first_where_it_must(tmp_path):
    archive = FolderArchive(tmp_path)
    assert archive.put("a/b.json", b"1", once=True)
    assert not archive.put("a/b.json", b"2", once=True)
    assert archive.get("a/b.json") == b"1"
    assert archive.put("a/b.json", b"3")
    assert archive.get("a/b.json") == b"3"
    assert archive.get("a/none") is None
    assert archive.list("a/") == archive.list("a/b") == ["a/b.json"]
    assert archive.list("none/") == []


texts = st.text(max_size=20)


@given(st.dictionaries(st.sampled_from(["found", "owner"]), texts))
def test_every_tag_survives_a_row(cells):
    row = {"run": "r", "part": "p", **cells}
    assert [dict(one) for one in history.unpacked(history.packed([row]))] == [row]


@pytest.mark.parametrize("body", [b"no gzip", history.packed([])[:-4], b"\x1f\x8b"])
def test_bytes_that_are_no_rows_are_refused(body):
    with pytest.raises(ValueError, match="gzip"):
        list(history.unpacked(body))
