"""Scenarios played from the command line: exit codes, JSON, the report."""

import json
from pathlib import Path

import pytest

from fleetmend.cli.demo import SCENES

QUICK = """
name: one stops
seed: 3
fleet:
  instances:
    - {name: api, tags: {Auto-Recover: "true"}}
    - {name: other}
timeline:
  - {at: 5s, stop: api}
  - {at: 10m, end: true}
expect:
  - {recovered: api, within: 5m}
  - {untouched: other}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "one.yaml"
    file.write_text(QUICK)
    return file


def test_json_has_the_promised_shape(fleetmend, scenario):
    ran = fleetmend("lab", "run", str(scenario), "--world", "sim", "--json")
    assert ran.code == 0, ran
    result = ran.json
    assert set(result) == {
        "scenario", "world", "seed", "held", "expectations", "timeline", "figures",
    }  # fmt: skip
    assert (result["scenario"], result["world"], result["seed"]) == ("one stops", "sim", 3)
    assert result["held"] is True
    assert [set(item) for item in result["expectations"]] == [{"expect", "held", "detail"}] * 2
    assert {event["kind"] for event in result["timeline"]} >= {"fault", "state", "call", "alert"}
    assert result["figures"]["recovered"] == 1


def test_an_expectation_that_does_not_hold_ends_with_1(fleetmend, scenario):
    scenario.write_text(QUICK.replace("{untouched: other}", "{untouched: api}"))
    ran = fleetmend("lab", "run", str(scenario), "--json")
    assert ran.code == 1
    assert ran.json["held"] is False
    assert "broken" in fleetmend("lab", "run", str(scenario)).out


def test_another_seed_is_told(fleetmend, scenario):
    assert fleetmend("lab", "run", str(scenario), "--seed", "9", "--json").json["seed"] == 9


def test_every_mistake_of_a_scenario_is_named_by_file_line_and_key(fleetmend, scenario):
    text = QUICK.replace("stop: api", "stopp: api").replace("untouched:", "untuoched:")
    scenario.write_text(text)
    ran = fleetmend("lab", "run", str(scenario), "--json")
    assert ran.code == 2
    message = ran.json["error"]["message"]
    assert f"{scenario}:9: timeline[0].stopp" in message
    assert f"{scenario}:13: expect[1].untuoched" in message
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there(fleetmend):
    ran = fleetmend("lab", "run", "none.yaml")
    assert ran.code == 2
    assert "none.yaml:1: cannot be read" in ran.err


def test_a_scenario_for_the_other_world_only(fleetmend, scenario):
    scenario.write_text(QUICK.replace("seed: 3", "seed: 3\nworlds: [emulator]"))
    ran = fleetmend("lab", "run", str(scenario), "--world", "sim")
    assert ran.code == 2
    assert "--world emulator" in ran.err


@pytest.mark.parametrize(
    ("line", "asked", "played", "warned"),
    [
        ("", (), 60, False),
        ("speed: 8\n", (), 8, False),
        ("speed: 8\n", ("--speed", "4"), 4, False),
        ("speed: 8\n", ("--speed", "60"), 60, True),
        ("speed: 90\n", ("--speed", "60"), 60, False),
    ],
)
def test_the_wire_goes_at_the_scenarios_own_speed(
    fleetmend, scenario, monkeypatch, line, asked, played, warned
):
    from fleetmend.cli import playing  # noqa: PLC0415
    from fleetmend.lab import sim  # noqa: PLC0415

    speeds: list[float] = []

    def over_the_wire(one, speed, *, quiet):
        speeds.append(speed)
        return sim.play(one)

    monkeypatch.setattr(playing, "_emulated", over_the_wire)
    scenario.write_text(line + QUICK)
    ran = fleetmend("lab", "run", str(scenario), "--world", "emulator", "--json", *asked)
    assert ran.code == 0, ran
    assert speeds == [played]
    assert ("8 times the speed of time at most" in " ".join(ran.err.split())) is warned


def test_the_summary_says_who_was_touched_and_why_not(fleetmend, scenario):
    ran = fleetmend("lab", "run", str(scenario))
    assert ran.code == 0, ran
    lines = {line.split()[0]: line for line in ran.out.splitlines() if line.strip()}
    assert " yes " in lines["api-1"]
    assert " no " in lines["other-1"]


def test_the_report_needs_nothing_but_itself(fleetmend, scenario, tmp_path):
    scenario.write_text(QUICK.replace("one stops", "<script>alert(1)</script> & co"))
    file = tmp_path / "deep" / "report.html"
    assert fleetmend("lab", "run", str(scenario), "--report", str(file)).code == 0
    text = file.read_text()
    assert "<script>alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text
    page = text.split("plotly.js v", 1)[0] + text.rsplit("</script>", 1)[1]
    for outside in ('src="http', "src='http", 'href="http', "@import", "url(http"):
        assert outside not in page
    assert "api-1" in page


def test_a_report_that_cannot_be_written_is_a_sentence(fleetmend, scenario, tmp_path):
    (tmp_path / "file").write_text("")
    ran = fleetmend("lab", "run", str(scenario), "--report", str(tmp_path / "file" / "r.html"))
    assert ran.code == 2
    assert "error:" in ran.err
    assert "Traceback" not in ran.err


def test_package_prints_path_size_and_digest(fleetmend, monkeypatch):
    from fleetmend.deploy import package as packaging  # noqa: PLC0415

    made = packaging.Package(Path("dist/fleetmend-lambda.zip"), "ab" * 32, 123, ())
    monkeypatch.setattr(packaging, "package", lambda _out: made)
    assert fleetmend("package", "--out", "dist", "--json").json == {
        "path": "dist/fleetmend-lambda.zip", "bytes": 123, "sha256": "ab" * 32,
    }  # fmt: skip


@pytest.mark.parametrize("scene", SCENES)
def test_the_shipped_demo_holds_in_the_sim(scene):
    from fleetmend.cli.playing import play, shipped  # noqa: PLC0415

    _, found = play(shipped(scene), "sim", speed=1, seed=None, quiet=True)
    assert [verdict for verdict in found if not verdict.held] == []
    assert json.dumps([verdict.expect for verdict in found])
