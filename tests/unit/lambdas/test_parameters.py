"""Whatever stands in the parameters, the policy is one that can be run, or nothing is started."""

import json
from dataclasses import dataclass, fields
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.aws.parameters import ParameterStore
from fleetmend.core.declared import RECOVERY as POLICY
from fleetmend.core.fields import Declared, Duration, Switch
from fleetmend.core.model import Mode, RecoveryPolicy, Selector
from fleetmend.lambdas import parameters
from fleetmend.lambdas.health import HEALTH
from fleetmend.lambdas.rebuild import REBUILD
from fleetmend.lambdas.recovery import RECOVERY
from tests.unit.lambdas.account import SETTINGS, Account


def parse(text):
    problems = []
    return POLICY.parse(text, "p", problems), problems


def read(account, environment=SETTINGS):
    world = account.world()
    return parameters.read(ParameterStore(world.client("ssm")), environment, POLICY, world.clock)


CONCERNS = [RECOVERY, REBUILD, HEALTH]


@pytest.mark.parametrize("concern", CONCERNS, ids=lambda concern: concern.name)
def test_every_field_of_the_policy_can_be_set_and_its_default_is_in_range(concern):
    declared = concern.policy
    assert {field.name for field in fields(declared.default)} == {*declared.fields, "mode"}
    for name, kind in declared.fields.items():
        value = getattr(declared.default, name)
        if isinstance(value, Selector):
            value = {"key": value.key, "value": value.value}
        if isinstance(value, tuple):
            value = list(value)
        given = value.total_seconds() if isinstance(value, timedelta) else value
        taken = kind.take(given)
        assert taken == getattr(declared.default, name), name


@dataclass(frozen=True)
class Small:
    mode: Mode = Mode.ACT
    wait: timedelta = timedelta(minutes=1)
    eager: bool = False


def test_any_concern_declares_its_own():
    declared = Declared(Small(), {"wait": Duration(1, 90), "eager": Switch()})
    problems = []
    assert declared.parse('{"eager": true, "wait": 30}', "p", problems) == Small(
        wait=timedelta(seconds=30), eager=True
    )
    assert not problems
    assert declared.parse('{"eager": 1, "retry_interval": 5}', "p", problems) == Small()
    assert problems == [
        "p: eager: 1 is neither true nor false",
        "p: retry_interval: unknown; there are eager, wait",
    ]


def test_overrides_are_taken():
    selector = {"key": "K", "value": ""}
    overrides = {"retry_interval": 5, "jitter": 0, "max_attempts": 7, "selector": selector}
    policy, problems = parse(json.dumps(overrides))
    assert not problems
    assert policy.retry_interval == timedelta(seconds=5)
    assert (policy.jitter, policy.max_attempts, policy.selector) == (0.0, 7, Selector("K", ""))


@pytest.mark.parametrize("value", ["Schedule", ["", "ok"], [1], ["x" * 129], {"a": 1}, None])
def test_a_list_of_keys_is_one_or_is_refused(value):
    policy, problems = parse(json.dumps({"scheduler_tags": value}))
    assert policy.scheduler_tags == RecoveryPolicy().scheduler_tags
    assert len(problems) == 1


WINDOW = {
    "days": "mon-fri,sun",
    "from": "22:00",
    "to": "06:00",
    "zone": "Europe/Berlin",
    "reason": "nightly batch",
    "by": "ana",
}


def test_windows_are_taken():
    policy, problems = parse(json.dumps({"hold_windows": [WINDOW, {**WINDOW, "days": "daily"}]}))
    assert not problems
    first, second = policy.hold_windows
    assert (first.days, second.days) == ({0, 1, 2, 3, 4, 6}, set(range(7)))
    assert (str(first.zone), first.by, first.reason) == ("Europe/Berlin", "ana", "nightly batch")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"zone": "Europe/Nowhere"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"from": "25:00"}, "from"),
        ({"to": "6"}, "to"),
        ({"days": "someday"}, "days"),
        ({"by": 1}, "form"),
        ({"more": "x"}, "form"),
    ],
)
def test_a_window_that_is_none_names_its_mistake(change, named):
    policy, problems = parse(json.dumps({"hold_windows": [{**WINDOW, **change}]}))
    assert policy.hold_windows == ()
    assert len(problems) == 1
    assert named in problems[0]


def test_lists_of_words_are_taken():
    text = '{"leave_to": ["emr"], "scheduler_tags": [], "quarantine_tags": ["Isolated"]}'
    policy, problems = parse(text)
    assert not problems
    assert (policy.leave_to, policy.scheduler_tags) == (("emr",), ())
    assert policy.quarantine_tags == ("Isolated",)
    assert parse('{"leave_to": ["nobody"]}')[1] == [
        "p: leave_to: 'nobody' is not one of batch, eks, emr, karpenter, managed, scheduler"
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"colour": 1}', "colour: unknown; there are capacity_first"),
        ('{"mode": "act"}', "mode: unknown"),
        ('{"retry_interval": "5m"}', "retry_interval: '5m' is not a number"),
        ('{"retry_interval": true}', "retry_interval: True"),
        ('{"retry_interval": 0}', "from 0.01"),
        ('{"retry_interval": NaN}', "retry_interval"),
        ('{"retry_interval": 1e999}', "retry_interval"),
        ('{"retry_interval": 1' + "0" * 400 + "}", "retry_interval"),
        ('{"intent_lifetime": 60}', "from 89"),
        ('{"max_attempts": 2.5}', "not a whole number"),
        ('{"selector": {"key": "", "value": "true"}}', "selector"),
        ('{"selector": {"key": "K"}}', "selector"),
        ('{"selector": "Auto-Recover"}', "selector"),
        ('{"capacity_first": 60, "capacity_longest": 30}', "longer than capacity_longest"),
    ],
)
def test_a_mistake_is_named_and_the_default_stands(text, names):
    policy, problems = parse(text)
    assert policy == RecoveryPolicy()
    assert len(problems) == 1
    assert names in problems[0]


def test_all_mistakes_are_told_at_once_and_what_is_right_is_in_force():
    policy, problems = parse('{"max_attempts": 0, "jitter": 9, "settle": 5}')
    assert len(problems) == 2
    assert policy.settle == timedelta(seconds=5)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
keys = st.sampled_from(sorted(POLICY.fields)) | st.text()


@given(st.text() | st.dictionaries(keys, values).map(json.dumps))
def test_anything_gives_a_policy_in_range(text):
    policy, _ = parse(text)
    for name, kind in POLICY.fields.items():
        if isinstance(kind, Duration):
            assert kind.least <= getattr(policy, name).total_seconds() <= kind.most
    assert 1 <= policy.max_attempts <= 100
    assert 0 <= policy.jitter <= 1
    assert policy.selector.key
    assert policy.capacity_first <= policy.capacity_longest


def test_what_people_say_goes_before_what_was_deployed_field_by_field():
    account = Account()
    account.parameters["/fm/dev/recovery/policy"] = '{"max_attempts": 4, "capacity_first": 60}'
    account.parameters["/fm/dev/recovery/overrides"] = '{"max_attempts": 9}'
    with account.connected():
        in_force = read(account)
    assert not in_force.problems
    assert (in_force.policy.max_attempts, in_force.policy.mode) == (9, Mode.ACT)
    assert in_force.policy.capacity_first == timedelta(seconds=60)


def test_a_wrong_override_leaves_the_deployed_field_in_force_and_is_named():
    account = Account()
    account.parameters["/fm/dev/recovery/policy"] = '{"max_attempts": 4}'
    account.parameters["/fm/dev/recovery/overrides"] = '{"max_attempts": 0, "pace": 9}'
    with account.connected():
        in_force = read(account)
    assert (in_force.policy.max_attempts, in_force.policy.pace) == (4, 9)
    (problem,) = in_force.problems
    assert problem.startswith("/fm/dev/recovery/overrides: max_attempts: 0 ")


@pytest.mark.parametrize(
    ("everywhere", "here", "mode"),
    [
        ("act", "act", Mode.ACT),
        ("act", "observe", Mode.OBSERVE),
        ("observe", "act", Mode.OBSERVE),
        ("off", "act", Mode.OFF),
        ("observe", "off", Mode.OFF),
        (" act\n", "act", Mode.ACT),
        ("ACT", "act", Mode.OBSERVE),
        ("on", "off", Mode.OFF),
        (None, "act", Mode.OBSERVE),
        (None, None, Mode.OBSERVE),
    ],
)
def test_the_stricter_mode_wins_and_doubt_is_at_most_observe(everywhere, here, mode):
    account = Account()
    account.parameters["/fm/dev/mode/all"] = everywhere
    account.parameters["/fm/dev/mode/recovery"] = here
    with account.connected():
        in_force = read(account)
    assert in_force.policy.mode is mode
    assert account.count("GetParameters") == 1
