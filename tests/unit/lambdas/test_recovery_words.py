"""What people say to recovery: holds, releases, retries, runs and plans."""

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from fleetmend.core.model import Status
from tests.unit.lambdas.recovering import SWEEP, A, B, batch, event, report, run, stopped

HOLD = {
    "fleetmend": "hold",
    "subject": A,
    "until": "2031-01-01T00:00:00Z",
    "by": "ann",
    "reason": "surgery",
    "run": "r-1",
}


def test_a_hold_is_kept_with_its_reason_obeyed_at_once_and_answered():
    account = stopped(A)
    assert run(account, batch(event(A), HOLD)) == {"batchItemFailures": []}
    assert account.instances[A] == "stopped"
    assert account.record(A).hold.reason == "surgery"
    answer = report(account, "r-1")
    assert (answer["asked"], answer["by"], answer["mode"]) == ("hold", "ann", "act")
    assert answer["subjects"][0]["decision"] == "held"
    release = {"fleetmend": "release", "subject": A, "by": "ann", "run": "r-2"}
    run(account, batch(release))
    assert account.instances[A] == "pending"
    assert report(account, "r-2")["subjects"][0]["outcome"]["result"] == "accepted"


def test_a_hold_said_in_observe_mode_holds_when_the_mode_is_act():
    account = stopped(A)
    account.parameters["/fm/dev/mode/all"] = "observe"
    run(account, batch(HOLD))
    assert report(account, "r-1")["subjects"][0]["decision"] == "held"
    account.parameters["/fm/dev/mode/all"] = "act"
    run(account, SWEEP)
    assert account.instances[A] == "stopped"


def exhausted(account, *names):
    account.parameters["/fm/dev/recovery/policy"] = '{"max_attempts": 1}'
    account.refusals["ec2", "StartInstances"] = "OperationNotPermitted"
    run(account, batch(*map(event, names)))
    assert {account.record(name).status for name in names} == {Status.EXHAUSTED}
    account.refusals.clear()


def test_retry_opens_the_exhausted_one_again():
    account = stopped(A, B)
    exhausted(account, A, B)
    run(account, batch({"fleetmend": "retry", "subject": A, "by": "ann", "run": "r"}))
    assert account.instances == {A: "pending", B: "stopped"}
    assert report(account, "r")["subjects"][0]["spent"] == 1


def test_retry_all_opens_all_that_are_exhausted():
    account = stopped(A, B)
    exhausted(account, A, B)
    run(account, batch({"fleetmend": "retry", "all": True, "by": "ann", "run": "r"}))
    assert account.instances == {A: "pending", B: "pending"}
    assert [one["subject"] for one in report(account, "r")["subjects"]] == [A, B]


def test_a_word_about_a_record_that_cannot_be_read_is_answered_with_the_reason():
    account = stopped(A)
    account.bucket.replace(f"records/recovery/{A}.json", b"{")
    assert run(account, batch(HOLD)) == {"batchItemFailures": []}
    assert "cannot be read" in report(account, "r-1")["subjects"][0]["failure"]


def test_a_word_that_the_ledger_did_not_take_comes_again():
    account = stopped(A, B)
    account.refusals["s3", "PutObject"] = "AccessDenied"
    with pytest.raises(BatchProcessingError):
        run(account, batch(HOLD))


def test_a_run_is_a_sweep_with_a_report():
    account = stopped(A)
    run(account, batch({"fleetmend": "run", "run": "r", "by": "ann"}))
    answer = report(account, "r")
    assert account.instances[A] == "pending"
    assert (answer["asked"], answer["plan"], answer["concern"]) == ("run", False, "recovery")
    assert answer["subjects"][0]["outcome"]["result"] == "accepted"


def test_a_plan_only_decides_and_leaves_the_real_ledger_alone():
    account = stopped(A)
    account.instances[B] = "stopping"  # whose next look is seconds away
    run(account, batch({"fleetmend": "run", "run": "r", "by": "ann", "plan": True}))
    assert account.instances[A] == "stopped"
    assert report(account, "r")["subjects"][0]["outcome"]["result"] == "would"
    assert account.record(A) is None
    assert not account.woken
    run(account, SWEEP)
    assert account.instances[A] == "pending"


def test_a_run_while_the_mode_is_off_says_so():
    account = stopped(A)
    account.parameters["/fm/dev/mode/all"] = "off"
    run(account, batch({"fleetmend": "run", "run": "r", "by": "ann"}))
    assert report(account, "r")["problems"] == ["the mode is off: nothing was looked at"]


def test_a_run_that_could_not_look_comes_again_and_one_without_a_good_name_fails():
    account = stopped(A)
    account.refusals["ec2"] = "lost"
    with pytest.raises(BatchProcessingError):
        run(account, batch({"fleetmend": "run", "run": "r", "by": "ann"}))
    account.refusals.clear()
    bad = {"fleetmend": "run", "run": "../../records/x", "by": "ann"}
    with pytest.raises(BatchProcessingError):
        run(account, batch(bad))
    assert not [key for key in account.bucket.objects if key.startswith("runs/")]
