"""Health's metrics, as the function writes them to its log: a line for each group."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.core.ports import PortError
from fleetmend.lambdas import controller, envelope, health
from fleetmend.lambdas.controller import RunIncomplete
from tests.unit.lambdas.account import EPOCH, SETTINGS, Account, Context

ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "health",
    "POWERTOOLS_METRICS_NAMESPACE": "Fleetmend/dev",
    "FLEETMEND_PROJECT": "fm",
    "FLEETMEND_SUFFIX": "dev",
    "FLEETMEND_LEDGER_BUCKET": "ledger",
    "FLEETMEND_QUEUE_URL": SETTINGS.queue_url,
    "FLEETMEND_TOPIC_ARN": SETTINGS.topic_arn,
}


class Groups(Account):
    """Groups of instances that are well, in `ill`, or launched in this very history."""

    def __init__(self, **groups):
        super().__init__()
        self.groups = {name: [f"i-{name}-{n}" for n in range(n)] for name, n in groups.items()}
        self.desired = dict(groups)
        self.parameters |= {
            "/fm/dev/mode/health": "act",
            "/fm/dev/health/policy": "{}",
            "/fm/dev/health/overrides": "{}",
        }
        self.ill, self.marked, self.born, self.refreshed = set(), set(), {}, set()
        self.stopped = set()

    def replace(self, group, old, new):
        self.groups[group] = [new if one == old else one for one in self.groups[group]]
        self.born[new] = self.time.now

    def _describe_auto_scaling_groups(self, params):
        wanted = params.get("AutoScalingGroupNames", list(self.groups))
        return {"AutoScalingGroups": [self._group(name) for name in self.groups if name in wanted]}

    def _group(self, name):
        members = [
            {
                "InstanceId": one,
                "AvailabilityZone": f"us-east-1{'ab'[n % 2]}",
                "LifecycleState": "InService",
                "HealthStatus": "Unhealthy" if one in self.marked else "Healthy",
            }
            for n, one in enumerate(self.groups[name])
        ]
        return {
            "AutoScalingGroupName": name,
            "DesiredCapacity": self.desired[name],
            "AvailabilityZones": ["us-east-1a", "us-east-1b"],
            "Instances": members,
            "SuspendedProcesses": [{"ProcessName": "ReplaceUnhealthy"}]
            if name in self.stopped
            else [],
            "Tags": [{"Key": "Auto-Heal", "Value": "true"}],
        }

    def _describe_instances(self, params):
        (wanted,) = [one["Values"] for one in params["Filters"] if one["Name"] == "instance-id"]
        old = EPOCH - timedelta(days=1)
        born = {one: EPOCH + timedelta(seconds=self.born[one]) for one in self.born}
        items = [
            {
                "InstanceId": one,
                "State": {"Name": "running"},
                "LaunchTime": born.get(one, old),
                "Placement": {"AvailabilityZone": "us-east-1a"},
            }
            for one in wanted
        ]
        return {"Reservations": [{"Instances": items}]}

    def _describe_instance_status(self, params):
        ok = {"SystemStatus": {"Status": "ok"}}
        statuses = [
            {
                "InstanceId": one,
                "InstanceStatus": {"Status": "impaired" if one in self.ill else "ok"},
                **ok,
            }
            for one in params["InstanceIds"]
        ]
        return {"InstanceStatuses": statuses}

    def _describe_instance_information(self, _):
        return {"InstanceInformationList": []}

    def _describe_instance_refreshes(self, params):
        status = "InProgress" if params["AutoScalingGroupName"] in self.refreshed else "Successful"
        return {"InstanceRefreshes": [{"InstanceRefreshId": "r-1", "Status": status}]}

    def _suspend_processes(self, params):
        self.stopped.add(params["AutoScalingGroupName"])
        return {}

    def _resume_processes(self, params):
        self.stopped.discard(params["AutoScalingGroupName"])
        return {}

    def _set_instance_health(self, params):
        self.marked.add(params["InstanceId"])
        return {}


@pytest.fixture
def sweep(monkeypatch, capsys):
    """A sweep of the real handler a minute later, and the metric lines it wrote, by group."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    controller._container.cache_clear()
    monkeypatch.setattr(envelope, "_metrics", envelope.Metrics(namespace="Fleetmend/dev"))

    def swept(account):
        account.time.now += 60.0
        monkeypatch.setattr(controller.wiring, "lambda_world", account.world)
        with account.connected():
            health.handler({"fleetmend": "sweep"}, Context())
        lines = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "_aws" in one]
        return [line for line in lines if "group" in line]

    yield swept
    controller._container.cache_clear()


def figures(line):
    return {
        told["Name"]: (line[told["Name"]], told["Unit"])
        for one in line["_aws"]["CloudWatchMetrics"]
        for told in one["Metrics"]
    }


def count(value):
    return ([float(value)], "Count")


def test_every_group_has_its_own_line_under_its_own_name(sweep):
    account = Groups(api=4, web=6)
    account.ill = {"i-web-2"}
    api, web = sweep(account)
    assert [(one["group"], one["concern"]) for one in (api, web)] == [
        ("api", "health"),
        ("web", "health"),
    ]
    assert figures(api) == {"HealthyInstances": count(4), "UnhealthyInstances": count(0)}
    assert figures(web) == {"HealthyInstances": count(5), "UnhealthyInstances": count(1)}
    for line in (api, web):
        (told,) = line["_aws"]["CloudWatchMetrics"]
        assert told["Namespace"] == "Fleetmend/dev"
        assert set(told["Dimensions"][0]) >= {"concern", "group"}
        assert "reason" not in line


def test_a_replacement_is_counted_once_with_the_time_it_took(sweep):
    account = Groups(web=6)
    account.ill = {"i-web-2"}
    for _ in range(4):
        (line,) = sweep(account)
        assert "ReplacedInstances" not in line
    assert account.marked == {"i-web-2"}
    marked_at = 100.0 + 3 * 60
    account.replace("web", "i-web-2", "i-web-9")
    (line,) = sweep(account)
    assert figures(line)["HealthyInstances"] == count(6)
    assert figures(line)["ReplacedInstances"] == count(1)
    seconds, unit = figures(line)["ReplacementSeconds"]
    assert (seconds, unit) == ([account.time.now - marked_at], "Seconds")
    (line,) = sweep(account)
    assert "ReplacedInstances" not in line, "counted by the run that wrote it down, and no other"


def test_a_refusal_is_counted_with_its_reason(sweep):
    account = Groups(web=6)
    account.ill, account.refreshed = {"i-web-2"}, {"web"}
    for _ in range(2):
        assert len(sweep(account)) == 1, "watching is no refusal"
    own, refused = sweep(account)
    assert figures(own) == {"HealthyInstances": count(5), "UnhealthyInstances": count(1)}
    assert figures(refused) == {"RefusedReplacements": count(1)}
    assert (refused["group"], refused["reason"]) == ("web", "refreshing")
    assert account.marked == set()


# --- a suspension that nobody may end ---------------------------------------------------------


def suspended(sweep):
    """A group in an outage that we have suspended; then it is well again."""
    account = Groups(web=6)
    account.ill = {"i-web-0", "i-web-1", "i-web-2"}
    sweep(account)
    assert account.stopped == {"web"}
    account.ill = set()
    return account


def said(account):
    bodies = [json.loads(json.loads(one["Message"])["default"]) for one in account.published]
    return [(one["kind"], one["text"]) for one in bodies]


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_a_suspension_that_the_mode_keeps_past_its_time_is_told_once(sweep, mode):
    account = suspended(sweep)
    account.parameters["/fm/dev/mode/health"] = mode
    for _ in range(28):
        sweep(account)
    assert [kind for kind, _ in said(account)] == ["outage"], "its time is not over yet"
    for _ in range(20):
        sweep(account)
    text = "web was to be resumed at 2030-01-01 00:32:40 UTC, and is suspended still"
    ((kind, told),) = said(account)[1:]
    assert (kind, told.startswith(text)) == ("stays-suspended", True)
    assert account.stopped == {"web"}
    account.parameters["/fm/dev/mode/health"] = "act"
    for _ in range(3):
        sweep(account)
    assert account.stopped == set()


def test_one_that_was_resumed_by_hand_is_not_told(sweep):
    account = suspended(sweep)
    account.parameters["/fm/dev/mode/health"] = "off"
    account.time.now += 3600.0
    account.stopped = set()
    sweep(account)
    assert [kind for kind, _ in said(account)] == ["outage"]


@pytest.mark.parametrize(("service", "error"), [("autoscaling", RunIncomplete), ("s3", PortError)])
def test_doubt_about_it_fails_the_run_and_tells_nothing_of_it(sweep, service, error):
    account = suspended(sweep)
    account.parameters["/fm/dev/mode/health"] = "off"
    account.time.now += 3600.0
    account.refusals[service] = "AccessDenied"
    with pytest.raises(error):
        sweep(account)
    assert "stays-suspended" not in [kind for kind, _ in said(account)]


# --- fleetmend run health ---------------------------------------------------------------------


@pytest.mark.parametrize("plan", [False, True])
def test_a_run_that_is_asked_for_reports_each_group_and_a_plan_touches_none(plan):
    account = Groups(api=4, web=6)
    account.ill = {"i-web-0", "i-web-1", "i-web-2"}
    asked = {"fleetmend": "run", "run": "r", "by": "ann", "plan": plan}
    message = {"Records": [{"messageId": "m", "body": json.dumps(asked)}]}
    environment = replace(SETTINGS, concern="health")
    with account.connected():
        controller.run(message, Context(), health.HEALTH, environment, account.world())
    told = json.loads(account.bucket.objects["runs/health/r.json"].body)
    assert (told["concern"], told["plan"], told["problems"]) == ("health", plan, [])
    shown = {one["subject"]: one["decision"] for one in told["subjects"]}
    assert shown == {"api": "healthy", "web": "suspend"}
    assert account.stopped == (set() if plan else {"web"})
