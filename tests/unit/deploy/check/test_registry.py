"""Rules are documented, and the reference says what they say."""

import warnings
from pathlib import Path

import pytest

from fleetmend.deploy.check import RULES, Severity
from fleetmend.deploy.check.names import NAMES, REPLACED
from fleetmend.deploy.check.reference import reference
from fleetmend.deploy.check.registry import readable, rule
from fleetmend.deploy.check.themes import THEMES
from fleetmend.deploy.outputs import resource_class

ROOT = Path(__file__).parents[4]


def test_the_reference_is_current() -> None:
    page = (ROOT / "docs/checks.md").read_text(encoding="utf-8")
    assert page == reference(), "python -m fleetmend.deploy.check > docs/checks.md"


def test_a_rule_without_documentation_is_refused() -> None:
    def nameless(_view):
        """It finds something."""
        yield from ()

    with pytest.raises(ValueError, match="iam-nameless has no why, remedy, see"):
        rule("iam-nameless")(nameless)
    assert "iam-nameless" not in RULES


def test_two_rules_cannot_share_an_id() -> None:
    with pytest.raises(ValueError, match="two rules"):
        rule("iam-malformed")(lambda _: iter(()))


def test_every_rule_belongs_to_a_theme_and_says_where_it_comes_from() -> None:
    for one in RULES.values():
        assert one.theme in THEMES, one.id
        assert one.see.startswith("https://") or one.theme == "accept", one.id
        assert one.summary.endswith("."), one.id
    assert {one.theme for one in RULES.values()} == set(THEMES)


def test_most_rules_are_errors() -> None:
    severities = [one.severity for one in RULES.values()]
    assert severities.count(Severity.ERROR) > severities.count(Severity.WARNING) > 0


def test_values_are_shown_for_people() -> None:
    token = "<<TF:urn:pulumi:dev::p::aws:s3/bucket:Bucket::ledger|arn>>"
    assert readable(f"{token}/records/*") == "${ledger.arn}/records/*"
    assert readable({"b": 1, "a": [token]}) == '{"a": ["${ledger.arn}"], "b": 1}'


def test_named_types_exist() -> None:
    assert [kind for kind in NAMES if resource_class(kind) is None] == []


def test_replaced_types_are_those_the_sdk_calls_deprecated() -> None:
    """The SDK warns when such a class is defined; its source says so in one line."""
    warned = set()
    for path in _sources():
        text = path.read_text(encoding="utf-8")
        for line in text.splitlines():
            if line.startswith("    warnings.warn(") and "has been deprecated" in line:
                warned.add(line.partition("aws.")[2].partition(".")[0].lower())
    known = {kind.partition(":")[2].partition(":")[0].lower() for kind in REPLACED}
    of_s3 = {place for place in warned if place.startswith("s3/")}
    assert of_s3
    assert of_s3 <= known


def _sources() -> list[Path]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pulumi_aws  # noqa: PLC0415

    return sorted((Path(pulumi_aws.__file__).parent / "s3").glob("*.py"))
