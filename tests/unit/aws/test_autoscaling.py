"""The groups' adapter over real boto3 clients: what is sent, and what answers mean."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from fleetmend.aws.autoscaling import AutoScalingGroups, DryRunGroups
from fleetmend.aws.clients import LONGEST_CALL
from fleetmend.core.groups import Member
from fleetmend.core.model import Check, Instance, Result, Selector
from fleetmend.core.ports import ObservationFailed
from tests.unit.aws.wire import client, in_turn, lost, response

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
OK = (Check("instance", "ok"),)


pytestmark = pytest.mark.usefixtures("no_waiting")


class Fleet:
    """EC2's facts, as the fleet's adapter gives them."""

    def __init__(self, **facts):
        self.asked, self.facts = [], facts

    def observe(self, ids):
        self.asked += ids
        known = {"state": "running", "launched_at": NOW, "checks": OK} | self.facts
        return {name: Instance(name, observed_at=NOW, **known) for name in ids if name != "i-gone"}


class Aws:
    """A stubbed client for each service; a call that was not foreseen fails."""

    def __init__(self, *silent, agents=True):
        services = ("autoscaling", "elbv2", "ssm", "cloudwatch")
        self.clients = {service: client(service, lost) for service in services}
        self.stubs = {service: Stubber(made) for service, made in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()
        if agents:
            items = [{"InstanceId": name, "PingStatus": "ConnectionLost"} for name in silent]
            items.append({"InstanceId": "i-2", "PingStatus": "Online"})
            answer = {"InstanceInformationList": items}
            self.answer("ssm", "describe_instance_information", answer)

    def answer(self, service, operation, given, asked=None):
        self.stubs[service].add_response(operation, given, asked)

    def fail(self, service, operation, code, status=400, text=""):
        self.stubs[service].add_client_error(operation, code, text, http_status_code=status)

    def groups(self, fleet=None, **more):
        given = {"clock": lambda: NOW, "remaining": lambda: timedelta(minutes=1)} | more
        return AutoScalingGroups(self.clients.__getitem__, fleet or Fleet(), **given)

    def done(self, *services):
        for service in services:
            self.stubs[service].assert_no_pending_responses()


def described(name="web", *instances, **more):
    members = [
        {
            "InstanceId": one,
            "AvailabilityZone": "us-east-1a",
            "LifecycleState": "InService",
            "HealthStatus": "Healthy",
            "ProtectedFromScaleIn": False,
        }
        | facts
        for one, facts in instances
    ]
    return {
        "AutoScalingGroupName": name,
        "MinSize": 1,
        "MaxSize": 9,
        "DesiredCapacity": 2,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["us-east-1b", "us-east-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": NOW,
        "Instances": members,
    } | more


def page(*groups, **more):
    return {"AutoScalingGroups": list(groups)} | more


# --- observing -------------------------------------------------------------------------------


def test_claimed_filters_on_the_server_and_reads_every_page():
    aws = Aws()
    asked = {
        "Filters": [{"Name": "tag:Auto-Heal", "Values": ["true"]}],
        "IncludeInstances": False,
        "MaxRecords": 100,
    }
    ask = "describe_auto_scaling_groups"
    aws.answer("autoscaling", ask, page(described("web"), NextToken="t"), asked)
    aws.answer("autoscaling", ask, page(described("api")), asked | {"NextToken": "t"})
    assert aws.groups().claimed(Selector("Auto-Heal", "true")) == ["api", "web"]
    aws.done("autoscaling")


def test_observe_reads_the_group_and_every_signal_of_who_is_at_work():
    aws = Aws("i-1")
    raw = described(
        "web",
        ("i-1", {"HealthStatus": "Unhealthy", "WeightedCapacity": "4"}),
        ("i-2", {}),
        ("i-3", {"LifecycleState": "Standby"}),
        ("i-gone", {}),
        Tags=[{"Key": "Auto-Heal", "Value": "true"}],
        SuspendedProcesses=[{"ProcessName": "AZRebalance", "SuspensionReason": "x"}],
        TargetGroupARNs=[ARN],
    )
    aws.answer("autoscaling", "describe_auto_scaling_groups", page(raw))
    targets = [
        {"Target": {"Id": "i-1"}, "TargetHealth": {"State": "unhealthy"}},
        {"Target": {"Id": "i-2"}, "TargetHealth": {"State": "healthy"}},
    ]
    aws.answer("elbv2", "describe_target_health", {"TargetHealthDescriptions": targets})
    aws.answer(
        "autoscaling",
        "describe_instance_refreshes",
        {"InstanceRefreshes": [{"Status": "RollbackInProgress"}, {"Status": "Successful"}]},
    )
    soon = NOW + timedelta(hours=5)
    fleet = Fleet(retires_at=soon)
    (group,) = aws.groups(fleet).observe(["web"]).values()
    assert fleet.asked == ["i-1", "i-2", "i-gone"]
    assert (group.name, group.desired, group.zones) == ("web", 2, ("us-east-1a", "us-east-1b"))
    assert group.tags == {"Auto-Heal": "true"}
    assert group.suspended == {"AZRebalance"}
    assert group.refreshing
    assert group.observed_at == NOW
    one, two, standby, gone = group.members
    assert one == Member(
        "i-1",
        "us-east-1a",
        "InService",
        weight=4,
        marked=True,
        launched_at=NOW,
        checks=OK,
        targets=("unhealthy",),
        agent_silent=True,
        retires_at=soon,
    )
    assert (two.marked, two.targets, two.agent_silent) == (False, ("healthy",), False)
    assert (standby.serves, standby.checks) == (False, ())
    assert (gone.state, gone.checks, gone.launched_at) == ("", (), None)
    aws.done("autoscaling", "elbv2")


def test_a_healthy_group_is_not_asked_for_refreshes():
    aws = Aws()
    aws.answer("autoscaling", "describe_auto_scaling_groups", page(described("web", ("i-1", {}))))
    (group,) = aws.groups().observe(["web"]).values()
    assert not group.refreshing
    aws.done("autoscaling")


def test_names_are_asked_for_fifty_at_a_time_and_an_unknown_one_is_absent():
    aws = Aws()
    names = [f"g-{n:02}" for n in range(60)]
    ask = "describe_auto_scaling_groups"
    first = {"AutoScalingGroupNames": names[:50], "MaxRecords": 100}
    aws.answer("autoscaling", ask, page(described("g-00")), first)
    aws.answer("autoscaling", ask, page(), first | {"AutoScalingGroupNames": names[50:]})
    assert list(aws.groups().observe(names)) == ["g-00"]
    aws.done("autoscaling")


def test_application_alarms_are_asked_for_by_prefix_and_only_then():
    aws = Aws()
    ask = "describe_auto_scaling_groups"
    aws.answer("autoscaling", ask, page(described("web", ("i-1", {}), ("i-2", {}))))
    aws.answer("autoscaling", "describe_instance_refreshes", {})
    by_metric = {"Dimensions": [{"Name": "InstanceId", "Value": "i-1"}]}
    metric = {"Namespace": "n", "MetricName": "m"} | by_metric
    by_expression = {"Metrics": [{"Id": "a", "MetricStat": _stat(metric)}]}
    other = {"Dimensions": [{"Name": "QueueName", "Value": "i-2"}]}
    asked = {"AlarmNamePrefix": "app-", "AlarmTypes": ["MetricAlarm"], "StateValue": "ALARM"}
    for n, alarms in enumerate(([by_metric, other], [by_expression])):
        more = {"NextToken": "t"} if n == 0 else {}
        token = {"NextToken": "t"} if n else {}
        aws.answer("cloudwatch", "describe_alarms", {"MetricAlarms": alarms} | more, asked | token)
    (group,) = aws.groups(alarm_prefix="app-").observe(["web"]).values()
    assert [member.alarmed for member in group.members] == [True, False]
    aws.done("cloudwatch")


def _stat(metric):
    return {"Metric": metric, "Period": 60, "Stat": "Sum"}


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("autoscaling", "describe_auto_scaling_groups"),
        ("ssm", "describe_instance_information"),
        ("cloudwatch", "describe_alarms"),
    ],
)
def test_a_describe_that_failed_is_doubt_and_no_empty_answer(service, operation):
    aws = Aws(agents=service != "ssm")
    if service != "autoscaling":
        ask = "describe_auto_scaling_groups"
        aws.answer("autoscaling", ask, page(described("web", ("i-1", {}))))
    if service == "ssm":
        aws.answer("cloudwatch", "describe_alarms", {"MetricAlarms": []})
    aws.fail(service, operation, "AccessDenied", 403)
    with pytest.raises(ObservationFailed, match="AccessDenied"):
        aws.groups(alarm_prefix="app-").observe(["web"])


def test_what_one_group_keeps_back_is_no_other_s_trouble():
    aws = Aws()
    raws = [
        described("api", ("i-1", {}), TargetGroupARNs=[ARN]),
        described("db", ("i-2", {}), TargetGroupARNs=[ARN + "2"]),
        described("web", ("i-3", {"HealthStatus": "Unhealthy"})),
        described("zoo", ("i-4", {})),
    ]
    aws.answer("autoscaling", "describe_auto_scaling_groups", page(*raws))
    aws.fail("elbv2", "describe_target_health", "HealthUnavailable", 503)
    aws.fail("elbv2", "describe_target_health", "TargetGroupNotFound")
    aws.fail("autoscaling", "describe_instance_refreshes", "AccessDenied", 403)
    seen = aws.groups().observe(["api", "db", "web", "zoo"])
    assert isinstance(seen["api"], ObservationFailed)
    assert isinstance(seen["web"], ObservationFailed)
    assert seen["db"].members[0].targets == ()
    assert seen["zoo"].members[0].checks == OK


# --- acting ----------------------------------------------------------------------------------


def answered(*answers, now=NOW, remaining=timedelta(minutes=1)):
    """Groups whose requests get these answers in turn, and the list of what was asked."""
    answer, asked = in_turn(*answers)
    made = client("autoscaling", answer)
    groups = AutoScalingGroups(
        lambda _: made, Fleet(), clock=lambda: now, remaining=lambda: remaining
    )
    return groups, asked


def taken():
    return response("<R><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></R>")


def refused(code, text="", status=400):
    return response(
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message>"
        "</Error><RequestId>r</RequestId></ErrorResponse>",
        status,
    )


ACTS = {
    "mark": lambda groups: groups.mark("web", "i-1", before=LATER),
    "suspend": lambda groups: groups.suspend("web", before=LATER),
    "reset": lambda groups: groups.reset("web", ["i-1"], before=LATER),
    "resume": lambda groups: groups.resume("web", before=LATER),
}


def test_each_act_is_one_call_that_says_exactly_this():
    groups, asked = answered(*[taken() for _ in ACTS])
    assert {act(groups).result for act in ACTS.values()} == {Result.ACCEPTED}
    health = {"Action": "SetInstanceHealth", "InstanceId": "i-1"}
    process = {"AutoScalingGroupName": "web", "ScalingProcesses.member.1": "ReplaceUnhealthy"}
    rest = {"ShouldRespectGracePeriod": "false", "Version": "2011-01-01"}
    assert asked == [
        health | {"HealthStatus": "Unhealthy"} | rest,
        {"Action": "SuspendProcesses", "Version": "2011-01-01"} | process,
        health | {"HealthStatus": "Healthy"} | rest,
        {"Action": "ResumeProcesses", "Version": "2011-01-01"} | process,
    ]


@pytest.mark.parametrize("act", ACTS)
def test_throttling_is_retried_twice_and_then_said(act):
    groups, asked = answered(refused("Throttling"), refused("Throttling"), taken())
    assert ACTS[act](groups).result is Result.ACCEPTED
    groups, asked = answered(*[refused("Throttling", "rate")] * 3)
    outcome = ACTS[act](groups)
    assert (outcome.result, outcome.code, len(asked)) == (Result.THROTTLED, "Throttling", 3)


MEANINGS = [
    (refused("ResourceContention", status=500), Result.THROTTLED),
    (refused("AccessDenied", status=403), Result.REFUSED),
    (refused("ValidationError", "Instance Id not found - No managed instance"), Result.GONE),
    (refused("ValidationError", "AutoScalingGroup name not found - web"), Result.GONE),
    (
        refused("ValidationError", "Instance i-1 is not in InService or Standby"),
        Result.CONFLICT,
    ),
    (refused("ValidationError", "1 validation error detected"), Result.REFUSED),
    (refused("ScalingActivityInProgress"), Result.CONFLICT),
    (lost, Result.UNKNOWN),
]


@pytest.mark.parametrize("act", ["mark", "suspend", "resume"])
@pytest.mark.parametrize(("given", "meant"), MEANINGS)
def test_what_refusals_mean(act, given, meant):
    groups, _ = answered(given, given, given)
    assert ACTS[act](groups).result is meant


def test_a_throttled_try_after_a_lost_one_is_not_known():
    """Else a suspension that was obeyed would be taken for somebody else's, and never end."""
    groups, _ = answered(lost, refused("Throttling"), refused("Throttling"))
    assert groups.suspend("web", before=LATER).result is Result.UNKNOWN


def test_a_reset_goes_on_over_who_is_gone_and_stops_at_the_first_failure():
    gone = refused("ValidationError", "Instance Id not found")
    groups, asked = answered(taken(), gone, refused("AccessDenied", status=403), taken())
    outcome = groups.reset("web", ["i-1", "i-2", "i-3", "i-4"], before=LATER)
    assert (outcome.result, len(asked)) == (Result.REFUSED, 3)
    groups, _ = answered()
    assert groups.reset("web", [], before=LATER).result is Result.ACCEPTED


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_sent_that_might_outlast_its_intent_or_the_function(act):
    just = LONGEST_CALL - timedelta(seconds=1)
    for times in ({"now": LATER - just}, {"remaining": just}):
        groups, asked = answered(**times)
        assert ACTS[act](groups).result is Result.NOT_SENT
        assert not asked


def test_a_dry_run_sends_nothing_and_sees_all():
    aws = Aws()
    ask = "describe_auto_scaling_groups"
    aws.answer("autoscaling", ask, page(described("web")))
    aws.answer("autoscaling", ask, page(described("web", ("i-1", {}))))
    watched = DryRunGroups(aws.groups())
    assert watched.claimed(Selector("Auto-Heal", "true")) == ["web"]
    assert [member.id for member in watched.observe(["web"])["web"].members] == ["i-1"]
    assert {act(watched).result for act in ACTS.values()} == {Result.WOULD}
