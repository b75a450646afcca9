# ruff: noqa: E501 -- a table reads best with one case a line
"""Scenario files: what is taken, and how every mistake is named at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.components.marked import spelled
from fleetmend.lab.moments import when_set, when_tagged
from fleetmend.lab.scenario import Scenario, ScenarioError, load, loads
from fleetmend.lab.vocabulary import aws, fleet
from fleetmend.lab.words import EXPECTATIONS, VERBS, Verb, in_words, seconds

CONTRACT = """\
name: three stopped, one held
seed: 7
region: us-east-1
fleet:
  instances:
    - {count: 3, name: api, tags: {Auto-Recover: "true", Owner: web}}
    - {count: 1, name: batch, tags: {Auto-Recover: "true", "fleetmend:hold-until": "+2h"}}
  groups:
    - {name: web, min: 2, desired: 4, max: 8, zones: 2}
timeline:
  - {at: 20s, drop_events: {for: 10m}}
  - {at: 0s,  stop: api}
  - {at: 10s, fault: {service: ec2, operation: StartInstances, error: Insufficient, times: 2, subject: api-1}}
  - {at: 30m, end: true}
expect:
  - {recovered: api, within: 600s}
  - {untouched: batch}
  - {alerts: {about: api-1, at_most: 2}}
  - {max_calls: {service: ec2, operation: StartInstances, at_most: 6}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


def changed(old: str, new: str) -> list[str]:
    assert old in CONTRACT
    return problems(CONTRACT.replace(old, new))


def test_the_contract_of_the_specification_is_taken() -> None:
    scenario = loads(CONTRACT)
    assert [step.at for step in scenario.timeline] == [0.0, 10.0, 20.0, 1800.0]
    assert scenario.timeline[0].verb == fleet.Stop(subject="api")
    assert scenario.timeline[2].verb == aws.DropEvents(span=600.0)
    assert scenario.end == 1800.0
    assert [word.told() for word in scenario.expect] == [
        "recovered api within 10m",
        "untouched batch",
        "alerts api-1 at_most 2",
        "max_calls service ec2 operation StartInstances at_most 6",
    ]


def test_names_stand_for_instances() -> None:
    scenario = loads(CONTRACT)
    assert scenario.expand("api") == ("api-1", "api-2", "api-3")
    assert scenario.expand("api-2") == ("api-2",)
    assert scenario.expand("api-4") == ()
    assert scenario.expand("web") == ("web-1", "web-2", "web-3", "web-4")
    members = {member.name: member for member in scenario.members()}
    assert len(members) == 8
    assert members["web-2"].group == "web"
    assert {member.zone for member in members.values()} == {"us-east-1a", "us-east-1b"}


def test_relative_tags_become_times() -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    tags = {"a": "+2h", "b": "2h", "c": "+soon", "d": "+30m"}
    assert when_tagged(tags, start) == {
        "a": "2026-03-01T14:00:00Z",
        "b": "2h",
        "c": "+soon",
        "d": "2026-03-01T12:30:00Z",
    }
    assert when_tagged({"d": "+30m"}, start, 60.0) == {"d": "2026-03-01T12:00:30Z"}


@pytest.mark.parametrize(
    ("start", "speed", "zone", "begins", "ends"),
    [
        ("2026-03-01T00:00:00", 1.0, "Europe/London", "00:00", "00:20"),
        ("2026-03-01T00:00:00", 1.0, "Asia/Kolkata", "05:30", "05:50"),
        ("2026-03-01T12:00:30", 10.0, "UTC", "12:00", "12:03"),
        ("2026-03-01T12:00:00.5", 10.0, "UTC", "12:00", "12:03"),
        ("2026-07-01T21:59:00", 10.0, "Europe/Berlin", "23:59", "00:01"),
    ],
)
def test_relative_hold_windows_cover_what_they_say(
    start: str, speed: float, zone: str, begins: str, ends: str
) -> None:
    window = {"days": "daily", "from": "+0m", "to": "+20m", "zone": zone, "reason": "x", "by": "y"}
    fixed = {**window, "from": "00:00", "to": "00:00"}
    given = {"hold_windows": [window, fixed], "pace": 3}
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert when_set(given, moment, speed) == {
        "hold_windows": [{**window, "from": begins, "to": ends}, fixed],
        "pace": 3,
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("stop: api}", "stopp: api}", "f.yaml:12: timeline[1].stopp: unknown verb 'stopp'; did you mean stop?"),
        ("times: 2", "timez: 2", "f.yaml:13: timeline[2].fault.timez: unknown key; did you mean times?"),
        ("times: 2, ", "", "f.yaml:13: timeline[2].fault: it would never end: give `times`, `for` or both"),
        ("{for: 10m}", "{for: 10}", "f.yaml:11: timeline[0].drop_events.for: 10 is no duration: write 10s, 5m, 2h or 1h30m"),
        ("at: 0s,", "", "f.yaml:12: timeline[1]: without `at`: when does it happen? Write at: 10s"),
        ("at: 0s, ", "at: 40m, ", "f.yaml:12: timeline[1]: comes after the end"),
        ("stop: api}", "stop: ap}", "f.yaml:12: timeline[1].stop: no 'ap' in the fleet; did you mean api?"),
        ("stop: api}", "stop: api, start: api}", "f.yaml:12: timeline[1]: two verbs in one entry: stop, start"),
        ("stop: api}", "stop: api, takes: 9s, hard: true}", "f.yaml:12: timeline[1].hard: unknown key; known are by, subject, takes"),
        ("recovered: api,", "recover: api,", "f.yaml:16: expect[0].recover: unknown expectation 'recover'; did you mean recovered?"),
        ("at_most: 2}", "atmost: 2}", "f.yaml:18: expect[2].alerts.atmost: unknown key; did you mean at_most?"),
        ("at_most: 2}", "at_most: 2, exactly: 3}", "f.yaml:18: expect[2].alerts: `exactly` leaves no room for `at_least` or `at_most`"),
        ("untouched: batch", "untouched: {subject: batch}, x: 1", "f.yaml:17: expect[1].x: belongs inside `untouched: {…}`"),
        ("seed: 7", "sead: 7", "f.yaml:2: sead: unknown key; did you mean seed or speed?"),
        ('Auto-Recover: "true", Owner', "Auto-Recover: true, Owner", "f.yaml:6: fleet.instances[0].tags.Auto-Recover: must be text: put True in quotes"),
        ("name: batch", "name: api-2", "f.yaml:7: fleet.instances[1].name: could be number 2 of 'api': choose another"),
        ("name: batch", "name: api", "f.yaml:7: fleet.instances[1].name: the name 'api' is there twice"),
        ("desired: 4", "desired: 9", "f.yaml:9: fleet.groups[0]: min ≤ desired ≤ max does not hold"),
        ("name: api,", "name: api, zone: eu-1,", "f.yaml:6: fleet.instances[0].zone: 'eu-1' is no zone of us-east-1: write us-east-1a"),
        ("region: us-east-1\n", "settings: {recovery: {hold_windows: 3}}\n", "f.yaml:3: settings.recovery: hold_windows: not a list"),
        ("region: us-east-1\n", "settings: {recovery: {hold_windows: [x]}}\n", "f.yaml:3: settings.recovery: hold_windows: 'x' is not of the form"),
        ("region: us-east-1\n", 'settings: {recovery: {hold_windows: [{days: daily, from: "+0m", to: "+soon", zone: UTC, reason: x, by: y}]}}\n', "f.yaml:3: settings.recovery: hold_windows: to: '+soon' is not a time"),
        ("region: us-east-1\n", 'settings: {recovery: {hold_windows: [{days: daily, from: "+0m", to: "+9m", zone: Mars, reason: x, by: y}]}}\n', "f.yaml:3: settings.recovery: hold_windows: zone: 'Mars' is no time zone"),
        ("seed: 7\n", "seed: 7\nspeed: 0\n", "f.yaml:3: speed: "),
        ("seed: 7\n", "seed: 7\nspeed: 201\n", "f.yaml:3: speed: "),
        ("seed: 7\n", "seed: 7\nseed: 8\n", "f.yaml:3: seed: the key is there twice"),
        ("region: us-east-1\n", "settings: {recovery: {retrys: 3}}\n", "f.yaml:3: settings.recovery: unknown setting 'retrys'; known are"),
    ],
)  # fmt: skip
def test_mistakes_are_named_by_line_and_key(old: str, new: str, told: str) -> None:
    found = changed(old, new)
    assert any(line.startswith(told) for line in found), found


def test_all_mistakes_come_at_once() -> None:
    text = CONTRACT.replace("seed: 7", "sead: 7").replace("stop: api}", "stopp: api}")
    text = text.replace("untouched: batch", "untouched: bitch").replace("{for: 10m}", "{for: 1}")
    assert [line.partition(" ")[0] for line in problems(text)] == [
        "f.yaml:2:",
        "f.yaml:11:",
        "f.yaml:12:",
        "f.yaml:17:",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "f.yaml:1: a scenario is a mapping"),
        ("- a", "f.yaml:1: a scenario is a mapping"),
        ("name: [", "not YAML"),
        ("a: &x [*x]", "an alias that contains itself"),
        ("name: x\nfleet: {}\ntimeline: {}", "f.yaml:3: timeline: must be a list"),
        ("name: x\nfleet: {}\ntimeline: [stop]", "f.yaml:3: timeline[0]: must be a mapping"),
        ("name: x\nfleet: {}\n? [a]\n: b", "a key must be a word"),
        ("name: a\n---\nname: b", "not YAML"),
        ("name: x", "fleet: is missing"),
    ],
)
def test_what_is_no_scenario_at_all(text: str, told: str) -> None:
    assert any(told in line for line in problems(text)), problems(text)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("too large" in line for line in problems("\n".join(lines)))


def test_an_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ScenarioError, match=f"{path}:1: cannot be read: {what}"):
            load(path)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff\xfe\xfa")
    with pytest.raises(ScenarioError, match="not UTF-8 text"):
        load(tmp_path / "latin.yaml")


@given(st.text(max_size=300))
def test_any_text_is_a_scenario_or_a_named_mistake(text: str) -> None:
    try:
        loads(text)
    except ScenarioError as error:
        assert error.problems
        assert all(problem.line >= 1 for problem in error.problems)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(["at", "for", "subject", "times", *VERBS, *EXPECTATIONS]) | st.text(
    max_size=4
)
VALUES = st.recursive(
    LEAVES | st.sampled_from(["api", "api-1", "10s"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=4), VALUES)
def test_any_timeline_is_taken_or_named(entries: list[dict[str, object]], fleet_: object) -> None:
    import json  # noqa: PLC0415

    body = {"name": "x", "fleet": fleet_, "timeline": entries, "expect": entries}
    try:
        assert isinstance(loads(json.dumps(body)), Scenario)
    except ScenarioError as error:
        assert error.problems


def test_durations_in_words_read_back() -> None:
    for value in (0.0, 0.5, 1.0, 59.0, 60.0, 61.5, 90.0, 3600.0, 5430.0, 90_000.0):
        assert seconds(in_words(value)) == pytest.approx(value)


def test_every_word_is_documented() -> None:
    for word in (*VERBS.values(), *EXPECTATIONS.values()):
        assert word.__doc__, word
        assert word.group, word
        for name, info in word.model_fields.items():
            assert info.description, f"{word.word}.{name}"


def test_a_word_cannot_be_declared_twice() -> None:
    with pytest.raises(TypeError, match="'stop' is declared twice"):

        class _Again(Verb, word="stop"):
            """Stops again."""


def test_paths_are_spelled_as_people_write_them() -> None:
    assert spelled(("timeline", 2, "stop")) == "timeline[2].stop"
    assert spelled(()) == ""
