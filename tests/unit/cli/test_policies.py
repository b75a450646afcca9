"""What operators set goes into a parameter of their own, and only what a function would take."""

import json

WHERE = ("-e", "test", "--region", "eu-west-1")


def said(account):
    return json.loads(account.value("recovery/overrides"))


def field(ran, name):
    (found,) = [row for row in ran.json["fields"] if row["field"] == name]
    return found["value"], found["from"]


def test_every_field_is_shown_with_who_said_so(fleetmend, account):
    account.parameter("recovery/policy", '{"max_attempts": 4, "retry_interval": 600}')
    account.parameter("recovery/overrides", '{"max_attempts": 9}')
    ran = fleetmend("policy", "recovery", *WHERE, "--json")
    assert ran.code == 0, ran
    assert field(ran, "max_attempts") == (9, "operator")
    assert field(ran, "retry_interval") == (600, "deployment")
    assert field(ran, "capacity_window") == (3600.0, "default")
    assert field(ran, "selector") == ({"key": "Auto-Recover", "value": "true"}, "default")
    assert "hold_windows" in fleetmend("policy", "recovery", *WHERE).out


def test_what_is_set_is_added_and_what_was_deployed_is_not_touched(fleetmend, account):
    account.parameter("recovery/overrides", '{"pace": 10}')
    ran = fleetmend("policy", "recovery", "max_attempts=5", "mass_stop=pace", *WHERE)
    assert ran.code == 0, ran
    assert said(account) == {"pace": 10, "max_attempts": 5, "mass_stop": "pace"}
    assert account.value("recovery/policy") == "{}"


def test_clearing_lets_the_deployed_be_in_force_again(fleetmend, account):
    account.parameter("recovery/policy", '{"pace": 20}')
    account.parameter("recovery/overrides", '{"pace": 10, "max_attempts": 5}')
    ran = fleetmend("policy", "recovery", "--clear", "pace", *WHERE, "--json")
    assert field(ran, "pace") == (20, "deployment")
    assert said(account) == {"max_attempts": 5}
    fleetmend("policy", "recovery", "--clear", "all", *WHERE)
    assert said(account) == {}


def test_what_a_function_would_not_take_is_refused_by_name_and_nothing_is_written(
    fleetmend, account
):
    account.parameter("recovery/policy", '{"capacity_longest": 300}')
    for given, named in (
        ("max_attempts=many", "max_attempts"),
        ("max_attempts", "no assignment"),
        ("colour=red", "colour: unknown"),
        ('selector={"key":"K","value":"v"}', "only a deployment"),
        ("capacity_first=400", "longer than capacity_longest"),
    ):
        ran = fleetmend("policy", "recovery", given, *WHERE)
        assert ran.code == 2, ran
        assert named in ran.err
    assert fleetmend("policy", "recovery", "--clear", "colour", *WHERE).code == 2
    assert said(account) == {}


def test_a_mistake_made_by_hand_can_be_cleared_and_stands_in_nobodys_way(fleetmend, account):
    account.parameter("recovery/overrides", '{"max_attempts": "many"}')
    assert fleetmend("policy", "recovery", "pace=5", *WHERE).code == 0
    assert fleetmend("policy", "recovery", "--clear", "max_attempts", *WHERE).code == 0
    assert said(account) == {"pace": 5}
    account.parameter("recovery/overrides", "not JSON")
    ran = fleetmend("policy", "recovery", *WHERE)
    assert ran.code == 3
    assert "recovery/overrides" in ran.err
    assert fleetmend("policy", "recovery", "--clear", "all", *WHERE).code == 0
    assert said(account) == {}
