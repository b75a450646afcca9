"""Rules: what is missing, what is nearly there, what is wrong; and rules as bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.rules import (
    Problem,
    Rule,
    Rules,
    RulesUnreadable,
    Severity,
    decode,
    encode,
    judge,
)

ENVIRONMENT = Rule("env", "Environment", allowed=("prod", "dev"))
COST = Rule("cost", "CostCenter", pattern=r"[0-9]{4}")

TABLE = [
    (ENVIRONMENT, {"Environment": "prod"}, None),
    (ENVIRONMENT, {}, Problem.MISSING),
    (ENVIRONMENT, {"environment": "prod"}, Problem.NEAR_KEY),
    (ENVIRONMENT, {"Environment ": "prod"}, Problem.NEAR_KEY),
    (ENVIRONMENT, {"Environ\u200bment": "prod"}, Problem.NEAR_KEY),
    (ENVIRONMENT, {"Environment": "prod "}, Problem.NEAR_VALUE),
    (ENVIRONMENT, {"Environment": "Prod"}, Problem.NEAR_VALUE),
    (ENVIRONMENT, {"Environment": "production"}, Problem.NOT_ALLOWED),
    (ENVIRONMENT, {"Environment": "  "}, Problem.EMPTY),
    (ENVIRONMENT, {"Environment": "prod", "environment": "x"}, None),
    (COST, {"CostCenter": "1234"}, None),
    (COST, {"CostCenter": "12345"}, Problem.NOT_ALLOWED),
    (COST, {"CostCenter": " 1234"}, Problem.NEAR_VALUE),
    (Rule("any", "Owner"), {"Owner": "x"}, None),
    (Rule("any", "Owner"), {"Owner": ""}, Problem.EMPTY),
]


@pytest.mark.parametrize(("rule", "tags", "problem"), TABLE)
def test_a_rule_tells_near_misses_from_absences(rule, tags, problem):
    found = judge(Rules((rule,)), "instance", tags)
    assert [violation.problem for violation in found] == ([problem] if problem else [])


def test_a_rule_speaks_only_of_what_it_selects():
    rule = Rule(
        "prod-owner", "Owner", when={"Environment": ("prod",)}, kinds=("instance", "volume")
    )
    rules = Rules((rule,))
    assert judge(rules, "instance", {"Environment": "prod"})
    assert judge(rules, "volume", {"Environment": "prod"})
    assert not judge(rules, "snapshot", {"Environment": "prod"})
    assert not judge(rules, "instance", {"Environment": "dev"})
    assert not judge(rules, "instance", {})


texts = st.text(max_size=12)
rules_anyhow = st.builds(
    Rules,
    st.lists(
        st.builds(
            Rule,
            texts,
            texts,
            st.sampled_from(Severity),
            st.lists(texts, max_size=2).map(tuple),
            st.dictionaries(texts, st.lists(texts, max_size=2).map(tuple), max_size=2),
            st.lists(texts, max_size=2).map(tuple),
            st.sampled_from(["", "[a-z]+"]),
            texts,
            st.lists(texts, max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    texts,
    texts,
)


@given(rules_anyhow)
def test_rules_survive_their_bytes(rules):
    assert decode(encode(rules)) == rules
    assert encode(decode(encode(rules))) == encode(rules)


@given(rules_anyhow, st.dictionaries(texts, texts, max_size=5))
def test_judging_is_total_and_says_each_rule_once(rules, tags):
    found = judge(rules, "instance", tags)
    assert len(found) <= len(rules.rules)


@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda t: t.encode("utf-8", "ignore")))
def test_garbage_is_refused(body):
    with pytest.raises(RulesUnreadable):
        decode(body)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": 9}, "schema 9"),
        ({"rules": [{"name": "x"}]}, "rules[0]"),
        (
            {"rules": [{**json.loads(encode(Rules((ENVIRONMENT,))))["rules"][0], "pattern": "("}]},
            "rules[0]",
        ),
        (
            {"rules": [{**json.loads(encode(Rules((ENVIRONMENT,))))["rules"][0], "kinds": [1]}]},
            "rules[0]",
        ),
    ],
)
def test_the_place_is_named(change, named):
    body = {**json.loads(encode(Rules(()))), **change}
    with pytest.raises(RulesUnreadable) as caught:
        decode(json.dumps(body).encode())
    assert named in str(caught.value)
