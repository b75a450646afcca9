"""Every mail says what, why, what was done, what is left; machines get a contract."""

import json
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core import letters
from fleetmend.core.kinds import KINDS
from fleetmend.core.letters import Sender, Who
from fleetmend.core.meanings import _COMMON, _OWN, meaning
from fleetmend.core.model import Alert, Record, Status

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SENDER = Sender("fleetmend", "dev", "123456789012", "us-east-1")
CONCERNS = ["recovery", "rebuild", "health", "compliance", "remediation"]
ROOT = Path(__file__).parents[3]
PAGE = json.loads((ROOT / "docs" / "alert.schema.json").read_text())
GOLDEN = json.loads((Path(__file__).parent / "golden" / "alert-1.json").read_text())

EXHAUSTED = Alert(
    "recovery/i-0abc/20260301T115500/exhausted",
    "exhausted",
    "i-0abc stays down: 3 of 3 attempts used up",
    why="InvalidKMSKey.InvalidState the key is disabled",
    since=NOW,
)


def write(alert=EXHAUSTED, concern="recovery", subject="i-0abc", who=None, sender=SENDER):
    return letters.letter(sender, concern, subject, alert, who)


def test_a_mail_says_all_that_a_tired_person_needs():
    who = Who("arn:aws:iam::123456789012:user/ana at 2026-03-01 11:54:58 UTC")
    assert letters.subject_line(write()) == "[fleetmend-dev] YOURS: i-0abc stays down"
    assert (
        letters.mail(write(who=who))
        == """\
i-0abc stays down

WHAT HAPPENED
  i-0abc stays down: 3 of 3 attempts used up

WHY
  InvalidKMSKey.InvalidState the key is disabled

WHO
  arn:aws:iam::123456789012:user/ana at 2026-03-01 11:54:58 UTC

WHAT WAS DONE
  Nothing more is tried by itself.

WHAT IS YOURS TO DO
  Mend the cause, then have it tried again.

    fleetmend retry i-0abc -e dev --region us-east-1

WHERE
  recovery of fleetmend-dev, account 123456789012, us-east-1

SINCE
  2026-03-01 12:00:00 UTC

REFERENCE
  recovery/i-0abc/20260301T115500/exhausted
"""
    )


def test_the_end_of_a_trouble_leaves_nothing_to_do():
    over = write(Alert("f", "recovered", "i-0abc runs again after 1 attempt", since=NOW))
    assert letters.subject_line(over) == "[fleetmend-dev] i-0abc runs again"
    assert "WHAT IS YOURS TO DO\n  Nothing.\n" in letters.mail(over)
    assert "WHY" not in letters.mail(over)


@pytest.mark.parametrize(
    ("kind", "concern", "subject", "command"),
    [
        ("exhausted", "recovery", "i-1", "fleetmend retry i-1"),
        ("exhausted", "rebuild", "i-1", "fleetmend retry i-1 --concern rebuild"),
        ("unreadable", "health", "unreadable:web", "fleetmend retry web --concern health"),
        ("mass-stop", "recovery", "mass-stop", "fleetmend retry --all"),
        ("from-a-newer-release", "health", "web", "fleetmend incidents web --concern health"),
    ],
)
def test_the_command_can_be_typed_anywhere(kind, concern, subject, command):
    alert = Alert("f", kind, "t")
    assert write(alert, concern, subject).command == f"{command} -e dev --region us-east-1"
    other = Sender("acme", "dev", "1", "us-west-2")
    options = " -e dev --project acme --region us-west-2"
    assert write(alert, concern, subject, sender=other).command == command + options


def test_what_the_alert_knows_of_what_was_done_comes_before_what_is_usual():
    assert write(Alert("f", "capacity", "t", done="It is tried at noon.")).done.endswith("noon.")


def test_every_kind_means_something_and_nothing_means_a_kind_that_there_is_not():
    assert set(_COMMON) == set(KINDS)
    assert {kind for _, kind in _OWN} <= set(KINDS)
    assert {concern for concern, _ in _OWN} <= set(CONCERNS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("concern", CONCERNS)
def test_a_meaning_is_whole(kind, concern):
    means = meaning(concern, kind)
    words = f"{means.headline} {means.done} {means.yours} {means.command}"
    assert {name for _, name, _, _ in Formatter().parse(words) if name} <= {
        "subject",
        "line",
        "whose",
    }
    assert means.done.endswith(".")
    assert not means.yours or means.yours.endswith(".")
    assert means.over is False or (means.severity, means.yours) == ("info", "")
    grave = means.severity in {"critical", "error"}
    assert not grave or means.yours, "whoever is woken is told what for"


@pytest.mark.parametrize(
    ("trouble", "end", "subject"),
    [
        ("exhausted", "recovered", "i-1"),
        ("drifted", "mended", "i-1"),
        ("mass-stop", "mass-stop-over", "mass-stop"),
    ],
)
def test_an_end_names_the_incident_that_its_trouble_began(trouble, end, subject):
    first, last = (write(Alert("f", kind, "t"), subject=subject) for kind in (trouble, end))
    assert letters.message(first)["ends"] == []
    assert letters.message(last)["ends"] == [letters.message(first)["incident"]]


def test_digests_are_one_incident_and_end_those_whose_all_clears_they_carry():
    alert = Alert("f", "digest", "9 alerts", ends=("i-1", "i-2"))
    told = letters.message(write(alert, subject="digest:0a1b"))
    assert told["incident"] == "fleetmend-dev/recovery/digest"
    assert told["ends"] == ["fleetmend-dev/recovery/i-1", "fleetmend-dev/recovery/i-2"]


texts = st.text(max_size=200)
alerts = st.builds(
    Alert,
    texts,
    st.sampled_from(KINDS) | texts,
    texts,
    why=texts,
    done=texts,
    since=st.none() | st.just(NOW),
    ends=st.lists(texts, max_size=3).map(tuple),
)


@given(alerts, st.sampled_from(CONCERNS), texts, st.none() | st.builds(Who, texts))
def test_anything_is_a_letter(alert, concern, subject, who):
    of = write(alert, concern, subject, who)
    line, mail = letters.subject_line(of), letters.mail(of)
    assert 1 <= len(line) <= 100
    assert line.isascii()
    assert line.isprintable()
    assert all(c.isprintable() or c == "\n" for c in mail)
    assert "WHAT IS YOURS TO DO" in mail
    jsonschema.validate(json.loads(json.dumps(letters.message(of))), PAGE)


def test_what_a_record_owes_has_the_time_of_its_incident():
    record = Record("recovery", "i-1", Status.OPEN, opened_at=NOW)
    assert record.telling("impaired", "t", why="w").owed[0].since == NOW


def test_the_schema_is_one_and_forbids_nothing_that_may_be_added():
    jsonschema.Draft202012Validator.check_schema(PAGE)
    assert "additionalProperties" not in PAGE
    assert PAGE["properties"]["schema"] == {"const": letters.SCHEMA}


def test_the_schema_names_every_key_that_is_sent():
    sent = letters.message(write())
    assert set(PAGE["properties"]) == set(PAGE["required"]) == set(sent)
    assert all(one.get("description") for key, one in PAGE["properties"].items() if key != "schema")


def test_no_key_changes_without_the_version_going_up():
    """The golden file is what was promised under this version: keys and types stand for ever."""
    assert GOLDEN["schema"] == letters.SCHEMA, "a new version needs a golden file of its own"
    now = {key: one.get("type") for key, one in PAGE["properties"].items() if key != "schema"}
    assert {key: now.get(key) for key in GOLDEN["keys"]} == GOLDEN["keys"]
    added = set(now) - set(GOLDEN["keys"])
    assert not added, f"added keys are promised too: put {sorted(added)} into the golden file"


def test_the_sample_is_word_for_word_what_was_promised():
    assert letters.message(write()) == GOLDEN["sample"]
