"""The rules file: what it means, and how each mistake is told."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.components.rules_file import RulesError, load, loads
from fleetmend.core.rules import Problem, Remedy, Severity, decode, encode, judge

GOOD = """\
owner_tag: Team
rules:
  - name: environment
    tag: Environment
    allowed: [prod, dev]
    default: dev
    from: [group, vpc]
  - name: cost-center
    tag: CostCenter
    severity: warning
    applies_to: [instance, volume]
    when: {Environment: prod}
    pattern: '[0-9]{4}'
"""

REMEDIED = """\
rules:
  - name: owner
    tag: Owner
    default: platform
    remedy: [fill, stop]
    stop_after: 7d
"""


def problems(text: str) -> list[str]:
    with pytest.raises(RulesError) as caught:
        loads(text, "rules.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_rules_mean_what_they_say():
    rules = loads(GOOD)
    environment, cost = rules.rules
    assert rules.owner_key == "Team"
    assert (environment.allowed, environment.default) == (("prod", "dev"), "dev")
    assert environment.sources == ("group", "vpc")
    assert cost.severity is Severity.WARNING
    assert cost.kinds == ("instance", "volume")
    assert cost.when == {"Environment": ("prod",)}
    found = judge(rules, "instance", {"Environment": "prod", "CostCenter": "12"})
    assert [(one.rule, one.problem) for one in found] == [("cost-center", Problem.NOT_ALLOWED)]
    assert decode(encode(rules)) == rules


def test_the_version_moves_with_the_meaning_and_not_with_the_spelling():
    assert loads(GOOD).version == loads("# a comment\n" + GOOD).version
    assert loads(GOOD).version != loads(GOOD.replace("dev]", "test, dev]")).version


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tag: CostCenter", "tga: CostCenter", ":9: rules[1].tga: unknown key; did you mean tag"),
        ("severity: warning", "severity: fatal", ":10: rules[1].severity: Input should be 'error'"),
        ("'[0-9]{4}'", "'[0-9'", ":13: rules[1].pattern: '[0-9' is no regular expression"),
        ("default: dev", "default: qa", ":6: rules[0].default: 'qa' is not what the rule accepts"),
        ("name: cost-center", "name: environment", ":8: rules[1].name: there is a rule"),
        ("tag: CostCenter", "tag: aws:x", ":9: rules[1].tag: keys that begin with aws:"),
        ("[instance, volume]", "[instances]", ":11: rules[1].applies_to"),
        ("{Environment: prod}", "{Environment: 7}", ":12: rules[1].when.Environment[0]: must be"),
        ("owner_tag: Team", "owner: Team", ":1: owner: unknown key; did you mean owner_tag?"),
        ("from: [group, vpc]", "from: [moon]", ":7: rules[0].from[0]"),
        ("[prod, dev]", "[prod, prod, dev]", ":5: rules[0].allowed: something stands in it twice"),
        ("pattern: '[0-9]{4}'", "pattern: x\n    allowed: [x]", ":13: rules[1].pattern: with `all"),
        (
            "  - name: cost-center",
            "  - 7\n  - name: cost-center",
            ":8: rules[1]: must be a mapping",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, told: str):
    assert old in GOOD
    found = problems(GOOD.replace(old, new))
    assert any(line.startswith(f"rules.yaml{told}") for line in found), found


def test_every_mistake_is_told_at_once():
    text = GOOD.replace("severity: warning", "severity: fatal").replace(
        "default: dev", "default: q"
    )
    assert len(problems(text)) == 2


@pytest.mark.parametrize("text", ["", "7", "rules:", "rules: []", "rules: {a: 1}", "a: [", "\t"])
def test_what_is_no_rules_file_is_refused(text: str):
    assert problems(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(RulesError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"{GOOD}{text}"))
def test_any_text_is_read_or_refused(text: str):
    try:
        rules = loads(text)
    except RulesError as error:
        assert error.problems
    else:
        assert decode(encode(rules)) == rules


def test_remedies_are_off_unless_a_rule_names_them():
    (rule,) = loads(REMEDIED).rules
    assert rule.remedies == (Remedy.FILL, Remedy.STOP)
    assert rule.grace == timedelta(days=7)
    assert decode(encode(loads(REMEDIED))) == loads(REMEDIED)
    assert all(not rule.remedies for rule in loads(GOOD).rules)
    assert b"remedies" not in encode(loads(GOOD)), "older functions read the same bytes as before"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    stop_after: 7d\n", "", ":5: rules[0].remedy: `stop` needs a grace"),
        ("7d", "7", ":6: rules[0].stop_after: 7 is no length such as 7d or 12h"),
        ("7d", "0d", ":6: rules[0].stop_after: '0d' is no length such as 7d or 12h"),
        ("[fill, stop]", "[fill]", ":6: rules[0].stop_after: nothing is stopped"),
        ("    default: platform\n", "", ":4: rules[0].remedy: `fill` needs a value"),
        ("[fill, stop]", "[terminate]", ":5: rules[0].remedy[0]: Input should be 'fill', 'notify'"),
        ("tag: Owner", "tag: Owner\n    applies_to: [volume]", ":6: rules[0].remedy: only instan"),
    ],
)
def test_a_remedy_that_cannot_work_is_refused(old, new, told):
    assert old in REMEDIED
    assert any(told in problem for problem in problems(REMEDIED.replace(old, new))), problems(
        REMEDIED.replace(old, new)
    )
