"""Recovery's entry over real clients: batches, sweeps, people's words, and trouble."""

import io
import json
from dataclasses import replace

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetmend.core.model import Attempt, Result, Status
from fleetmend.core.ports import LedgerUnavailable, ObservationFailed, PortError
from fleetmend.lambdas import controller, envelope, recovery
from fleetmend.lambdas.controller import RunIncomplete
from fleetmend.lambdas.inbox import EventUnreadable
from fleetmend.lambdas.settings import SettingsInvalid
from fleetmend.lambdas.wiring import SHORTEST_TIMEOUT
from tests.unit.lambdas.account import EPOCH, SETTINGS, Account, Context
from tests.unit.lambdas.recovering import SWEEP, A, B, batch, event, failed, run, stopped, told

# --- the way of one instance -----------------------------------------------------------------


def test_an_event_starts_the_instance_records_it_and_asks_for_a_look():
    account = stopped(A)
    assert run(account, batch(event(A))) == {"batchItemFailures": []}
    record = account.record(A)
    assert account.instances[A] == "pending"
    assert [attempt.result for attempt in record.attempts] == [Result.ACCEPTED]
    assert json.loads(account.woken[0]) == {
        "fleetmend": "look",
        "subject": A,
        "revision": record.revision,
    }


def test_a_sweep_finds_what_the_events_missed_and_touches_nothing_that_runs():
    account = stopped(A, B)
    account.instances["i-0000000c"] = "running"
    assert run(account, SWEEP) == {"subjects": 2}
    assert account.count("StartInstances") == 1
    assert account.record("i-0000000c") is None


def test_a_sweep_of_a_healthy_fleet_reads_no_record_and_describes_once():
    account = Account(**{f"i_{n:08x}": "running" for n in range(50)})
    run(account, SWEEP)
    assert account.calls == [
        ("ssm", "GetParameters"),
        ("s3", "ListObjectsV2"),
        ("ec2", "DescribeInstances"),
    ]


def test_a_recovery_is_verified_told_and_leaves_no_hint():
    account = stopped(A)
    run(account, batch(event(A)))
    account.instances[A] = "running"
    account.time.now += 40
    run(account, batch({"fleetmend": "look", "subject": A, "revision": account.record(A).revision}))
    assert account.record(A).status is Status.CLOSED
    assert [alert["kind"] for alert in told(account)] == ["recovered"]
    assert not [key for key in account.bucket.objects if key.startswith("open/")]


def test_the_same_event_a_thousand_times_starts_once():
    account = stopped(A)
    run(account, batch(*[event(A)] * 1000))
    assert account.count("StartInstances") == 1


# --- mode ------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["all", "recovery"])
def test_mode_off_looks_at_nothing(which):
    account = stopped(A)
    account.parameters[f"/fm/dev/mode/{which}"] = "off"
    assert run(account, SWEEP) == {"subjects": 0}
    assert run(account, batch(event(A))) == {"batchItemFailures": []}
    assert not [call for call in account.calls if call[0] == "ec2"]


def test_mode_observe_decides_records_apart_and_tells_nobody():
    account = stopped(A)
    account.parameters["/fm/dev/mode/all"] = "observe"
    run(account, batch(event(A)))
    run(account, SWEEP)
    assert account.instances[A] == "stopped"
    assert account.count("StartInstances") == 0
    assert not account.published
    assert account.record(A) is None
    assert account.record(A, "would/").attempts[0].result is Result.WOULD


@pytest.mark.parametrize("mode", ["off", "observe", None])
def test_what_we_stopped_is_told_whatever_took_the_permission_to_act_away(mode):
    account = stopped(A, B)
    run(account, SWEEP)  # both have open records now, with a start issued each
    account.instances.update({A: "stopped", B: "stopped"})
    ours = replace(account.record(A), attempts=(Attempt(EPOCH, Result.ACCEPTED, act="stop"),))
    account.put(replace(ours, intent=None))
    account.parameters["/fm/dev/mode/all"] = mode
    world = account.world()
    for _ in range(2):
        account.time.now += 120
        run(account, SWEEP, world=world)
    said = [(alert["kind"], alert["subject"]) for alert in told(account)]
    assert [one for one in said if one[0] != "settings-broken"] == [("left-down", A)]
    assert account.count("StartInstances") == 1
    assert "retry" not in account.record(A).reason


@pytest.mark.parametrize(
    "broken",
    [
        {"/fm/dev/recovery/policy": '{"max_attempts": "three"}'},
        {"/fm/dev/recovery/policy": None},
        {"/fm/dev/recovery/overrides": None},
        {"/fm/dev/recovery/overrides": '{"max_attempts": 0}'},
        {"/fm/dev/recovery/overrides": '{"selector": {"key": "Auto-Recover", "value": "true"}}'},
        {"/fm/dev/mode/all": None},
        {"/fm/dev/mode/recovery": "on"},
    ],
)
def test_broken_parameters_take_away_the_permission_to_act_and_are_told_once(broken):
    account = stopped(A)
    account.parameters.update(broken)
    world = account.world()
    run(account, SWEEP, world=world)
    run(account, SWEEP, world=world)
    assert account.count("StartInstances") == 0
    assert [alert["kind"] for alert in told(account)] == ["settings-broken"]
    assert next(iter(broken)) in told(account)[0]["text"]
    account.time.now += 901
    run(account, SWEEP, world=world)
    assert len(account.published) == 2


def test_parameters_that_cannot_be_read_end_the_run_before_it_began():
    account = stopped(A)
    account.refusals["ssm"] = "AccessDeniedException"
    with pytest.raises(PortError, match="GetParameters"):
        run(account, SWEEP)
    assert account.calls == [("ssm", "GetParameters")]


# --- trouble ---------------------------------------------------------------------------------


def test_a_message_that_cannot_be_understood_comes_again_and_stops_no_other():
    account = stopped(A)
    answer = run(account, batch("{", event(A), {"fleetmend": "dance"}, "null", {"detail": {}}))
    assert failed(answer) == ["m0", "m2", "m3", "m4"]
    assert account.instances[A] == "pending"


def test_a_batch_of_which_nothing_could_be_served_is_an_error_of_the_function():
    with pytest.raises(BatchProcessingError):
        run(stopped(A), batch("{"))


@pytest.mark.parametrize("asked", [{}, {"fleetmend": "weep"}, {"Records": 3}, {"Records": [{}]}])
def test_what_is_neither_batch_nor_sweep_is_an_error(asked):
    account = stopped(A)
    with pytest.raises(EventUnreadable):
        run(account, asked)
    assert not account.calls


def test_a_ledger_that_cannot_be_reached_stops_the_run_and_is_told_directly_once():
    account = stopped(A)
    account.refusals["s3"] = "lost"
    world = account.world()
    for asked in (SWEEP, batch(event(A))):
        with pytest.raises(LedgerUnavailable):
            run(account, asked, world=world)
    assert [alert["kind"] for alert in told(account)] == ["ledger-unavailable"]
    assert account.count("StartInstances") == 0


def test_a_trouble_that_could_not_be_told_is_told_by_the_next_run():
    account = stopped(A)
    account.refusals.update({"s3": "lost", "sns": "lost"})
    world = account.world()
    with pytest.raises(LedgerUnavailable):
        run(account, SWEEP, world=world)
    del account.refusals["sns"]
    with pytest.raises(LedgerUnavailable):
        run(account, SWEEP, world=world)
    assert len(account.published) == 1


def test_records_that_are_refused_fail_their_messages_and_are_told():
    account = stopped(A, B)
    account.refusals["s3", "GetObject"] = "AccessDenied"
    with pytest.raises(BatchProcessingError):
        run(account, batch(event(A), event(B)))
    assert [alert["kind"] for alert in told(account)] == ["ledger-unavailable"]
    with pytest.raises(RunIncomplete, match="2 of 2 subjects"):
        run(account, SWEEP)
    assert account.count("StartInstances") == 0


def test_one_bad_record_stops_no_other():
    account = stopped(A, B)
    account.bucket.replace(f"records/recovery/{A}.json", b"{")
    assert run(account, batch(event(A), event(B))) == {"batchItemFailures": []}
    assert account.instances == {A: "stopped", B: "pending"}
    assert [alert["kind"] for alert in told(account)] == ["unreadable"]


def test_a_fleet_that_cannot_be_seen_is_doubt():
    account = stopped(A)
    account.refusals["ec2"] = "lost"
    with pytest.raises(ObservationFailed):
        run(account, SWEEP)
    with pytest.raises(BatchProcessingError):
        run(account, batch(event(A)))
    assert account.record(A) is None


def test_a_function_with_too_little_time_says_so():
    short = SHORTEST_TIMEOUT.total_seconds() - 1
    with pytest.raises(SettingsInvalid, match="time-out"):
        run(stopped(A), SWEEP, seconds=short)


def test_wake_ups_that_are_not_taken_bring_the_message_back():
    account = stopped(A, B)
    account.refusals["sqs"] = "AccessDenied"
    with pytest.raises(BatchProcessingError):
        run(account, batch(event(A)))
    assert account.instances[A] == "pending"


# --- anything at all -------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
words = st.sampled_from(["look", "hold", "release", "retry", "run", "sweep", "x"])
bodies = st.one_of(
    st.text(),
    json_values.map(json.dumps),
    st.fixed_dictionaries(
        {"fleetmend": words},
        optional={
            "subject": json_values | st.just(B),
            "revision": json_values | st.integers(0, 3),
            "until": json_values | st.just("2029-01-01T00:00:00Z"),
            "by": json_values | st.just("ann"),
            "reason": json_values | st.just("r"),
            "run": json_values | st.just("run-1"),
            "all": json_values,
            "plan": json_values,
        },
    ).map(json.dumps),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(bodies, max_size=4))
def test_no_message_whatever_stops_the_good_one_beside_it(junk):
    account = stopped(A)
    answer = run(account, batch(*junk, event(A)))
    assert f"m{len(junk)}" not in failed(answer)
    assert account.instances[A] == "pending"


# --- Lambda's own entry ----------------------------------------------------------------------


def test_the_handler_reads_its_environment_and_writes_metrics(monkeypatch, capsys):
    account = stopped(A)
    controller._container.cache_clear()
    monkeypatch.setattr(controller.wiring, "lambda_world", account.world)
    for name, value in {
        "POWERTOOLS_SERVICE_NAME": "recovery",
        "POWERTOOLS_METRICS_NAMESPACE": "Fleetmend/dev",
        "FLEETMEND_PROJECT": "fm",
        "FLEETMEND_SUFFIX": "dev",
        "FLEETMEND_LEDGER_BUCKET": "ledger",
        "FLEETMEND_QUEUE_URL": SETTINGS.queue_url,
        "FLEETMEND_TOPIC_ARN": SETTINGS.topic_arn,
    }.items():
        monkeypatch.setenv(name, value)
    fresh = envelope.Metrics(namespace="Fleetmend/dev")
    fresh.clear_default_dimensions()  # which other functions' tests have set: they share one
    fresh.clear_metrics()
    monkeypatch.setattr(envelope, "_metrics", fresh)
    lines = io.StringIO()
    monkeypatch.setattr(envelope, "_logger", envelope.Logger(service="recovery", stream=lines))
    with account.connected():
        assert recovery.handler(batch(event(A)), Context()) == {"batchItemFailures": []}
        recovery.handler(batch(event(A)), Context())
    controller._container.cache_clear()
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert metrics[0]["SubjectsServed"] == [1.0]
    assert metrics[0]["StartsAccepted"] == [1.0]
    assert [one["concern"] for one in metrics] == ["recovery", "recovery"]
    assert "StartsAccepted" not in metrics[1]
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(line["message"], line["subject"]) for line in said] == [("acted", A)]
