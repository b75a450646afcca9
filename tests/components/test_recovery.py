"""Recovery as declared does what its code takes for granted, and may do no more."""

import json
from functools import cache
from typing import Any

import pulumi
import pytest

from fleetmend.components.recovery import Recovery, RecoveryArgs, grants
from fleetmend.core import claims
from fleetmend.core.declared import RECOVERY as POLICY
from fleetmend.core.events import SWEEP
from fleetmend.core.graph import Graph
from fleetmend.core.model import Mode, Selector
from fleetmend.lambdas import settings
from tests.components.graphs import ACCOUNT, CONCERN, REGION, badly_tagged, graph, one
from tests.components.iam_rules import faults
from tests.components.installed import filled

PARAMETER = "aws:ssm/parameter:Parameter"
LEDGER = "arn:aws:s3:::fleetmend-ledger"
ARGS: RecoveryArgs = {**CONCERN}


def recovery(**more: Any) -> Graph:
    return _recovery(json.dumps(more, sort_keys=True))


@cache
def _recovery(more: str) -> Graph:
    args: Any = {**ARGS, **json.loads(more)}
    return graph(lambda opts: Recovery("recovery", args, opts) and None)


FOUND = recovery()


def statements(found: Graph = FOUND) -> dict[str, dict[str, Any]]:
    node = one(found, "aws:iam/rolePolicy:RolePolicy", "may-recovery")
    return {each["Sid"]: each for each in json.loads(node.inputs["policy"])["Statement"]}


def test_every_grant_fits_its_action() -> None:
    assert [fault for each in statements().values() for fault in faults(each)] == []


def test_recovery_may_do_this_and_nothing_else() -> None:
    actions = sorted({action for each in statements().values() for action in each["Action"]})
    assert actions == [
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstances",
        "ec2:StartInstances",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "ssm:GetParameters",
        "ssm:PutParameter",
    ]


MENDS = {
    "reboot": {"ec2:RebootInstances"},
    "move": {"ec2:RebootInstances", "ec2:StopInstances", "ec2:DescribeInstanceTypes"},
}


@pytest.mark.parametrize("impaired", ["off", *MENDS])
def test_what_mends_is_granted_only_where_it_is_switched_on(impaired: str) -> None:
    made = statements(recovery(impaired=impaired))
    actions = {action for each in made.values() for action in each["Action"]}
    usual = {action for each in statements().values() for action in each["Action"]}
    assert actions - usual == MENDS.get(impaired, set())
    assert [fault for each in made.values() for fault in faults(each)] == []
    if impaired != "off":
        assert made["Mends"]["Resource"] == [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"]
        assert made["Mends"]["Condition"] == made["Starts"]["Condition"]


def test_types_are_changed_by_a_role_of_their_own_and_only_where_that_is_switched_on() -> None:
    assert "TakesTypeRole" not in statements()
    assert not any("types" in node.name for node in FOUND.nodes)
    found = recovery(types_tag="fleetmend:alternative-types", tag_key="Keep.Up", tag_value="yes")
    usual = {action for each in statements().values() for action in each["Action"]}
    actions = {action for each in statements(found).values() for action in each["Action"]}
    assert actions - usual == {
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstanceTypes",
        "sts:AssumeRole",
    }
    node = one(found, "aws:iam/rolePolicy:RolePolicy", "types-may")
    made = {each["Sid"]: each for each in json.loads(node.inputs["policy"])["Statement"]}
    assert [fault for each in made.values() for fault in faults(each)] == []
    assert made["ChangesTypes"]["Condition"] == {
        "StringEquals": {"ec2:ResourceTag/Keep.Up": "yes", "ec2:Attribute": "InstanceType"}
    }
    assert made["MarksOriginals"]["Condition"]["StringEquals"] == {"ec2:ResourceTag/Keep.Up": "yes"}
    role = one(found, "aws:iam/role:Role", "types-role")
    taken = statements(found)["TakesTypeRole"]["Resource"]
    assert [arn.rpartition("/")[2] for arn in taken] == [role.inputs["name"]]
    trusted = json.loads(role.inputs["assumeRolePolicy"])["Statement"][0]["Principal"]["AWS"]
    assert "recovery-controller-role" in trusted


def test_describes_stand_alone_with_the_region_and_starts_with_the_tag() -> None:
    made = statements(recovery(tag_key="Keep.Up", tag_value="yes"))
    assert made["Observes"]["Condition"] == {"StringEquals": {"ec2:Region": REGION}}
    assert all("Describe" in action for action in made["Observes"]["Action"])
    assert made["Starts"]["Condition"] == {"StringEquals": {"ec2:ResourceTag/Keep.Up": "yes"}}
    assert made["Starts"]["Resource"] == [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"]


def test_keys_are_used_only_through_the_service_that_needs_them() -> None:
    for each in statements().values():
        if any(action.startswith("kms:") for action in each["Action"]):
            assert each["Condition"]["StringEquals"]["kms:ViaService"]
    opens = statements()["OpensVolumes"]
    assert opens["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_volume_keys_can_be_named() -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/volumes"
    assert statements(recovery(volume_key_arns=[key]))["OpensVolumes"]["Resource"] == [key]


def test_the_ledger_is_its_own_concern_only_and_records_are_not_deleted() -> None:
    made = statements()
    for name in ("ReadsRecords", "WritesRecords", "ForgetsHints"):
        assert all("/recovery/*" in arn for arn in made[name]["Resource"]), name
    assert made["ForgetsHints"]["Resource"] == [
        f"{LEDGER}/open/recovery/*",
        f"{LEDGER}/would/open/recovery/*",
    ]
    assert made["ListsHints"]["Resource"] == [LEDGER]
    assert "records/recovery/*" in made["ListsHints"]["Condition"]["StringLike"]["s3:prefix"]


def test_parameters_are_read_by_exact_name() -> None:
    prefix = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fleetmend/dev"
    assert statements()["ReadsSettings"]["Resource"] == [
        f"{prefix}/mode/all",
        f"{prefix}/mode/recovery",
        f"{prefix}/recovery/policy",
        f"{prefix}/recovery/overrides",
        f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{claims.parameter('recovery', Selector())}",
    ]


def environment(found: Graph) -> dict[str, str]:
    function = one(found, "aws:lambda/function:Function")
    variables = function.inputs["environment"]["variables"]
    return {name: filled(found, text) for name, text in variables.items()}


def test_the_function_understands_its_environment() -> None:
    read = settings.from_environ(environment(FOUND))
    assert (read.concern, read.project, read.suffix) == ("recovery", "fleetmend", "dev")
    assert read.ledger_bucket == "fleetmend-ledger"
    assert read.queue_url.endswith("/fleetmend-recovery-queue-dev")


def test_the_function_understands_its_policy_parameter() -> None:
    found = recovery(retry_interval_minutes=7, max_attempts=4, tag_key="Keep", tag_value="up")
    problems: list[str] = []
    text = one(found, PARAMETER, "policy").inputs["insecureValue"]
    read = POLICY.parse(text, "/fleetmend/dev/recovery/policy", problems)
    assert problems == []
    assert read.retry_interval.total_seconds() == 420
    assert read.max_attempts == 4
    assert (read.selector.key, read.selector.value) == ("Keep", "up")


def test_further_fields_are_deployed_and_never_over_what_an_argument_sets() -> None:
    found = recovery(max_attempts=4, policy={"mass_count": 80, "max_attempts": 9})
    text = one(found, PARAMETER, "policy").inputs["insecureValue"]
    read = POLICY.parse(text, "p", [])
    assert (read.mass_count, read.max_attempts) == (80, 4)
    assert one(found, PARAMETER, "policy").options.get("ignoreChanges") in (None, [])


def test_what_people_override_is_theirs() -> None:
    node = one(FOUND, PARAMETER, "overrides")
    assert node.inputs["name"] == "/fleetmend/dev/recovery/overrides"
    assert node.inputs["insecureValue"] == "{}"
    assert node.options["ignoreChanges"] == ["insecureValue"]


@pytest.mark.parametrize("mode", list(Mode))
def test_the_kill_switch_stays_where_people_put_it(mode: Mode) -> None:
    node = one(recovery(mode=mode.value), PARAMETER, "mode")
    assert node.inputs["name"] == "/fleetmend/dev/mode/recovery"
    assert node.inputs["insecureValue"] == mode.value
    assert node.options["ignoreChanges"] == ["insecureValue"]


def test_it_is_woken_by_instances_that_are_down_and_by_its_own_sweep() -> None:
    rule = one(FOUND, "aws:cloudwatch/eventRule:EventRule")
    assert json.loads(rule.inputs["eventPattern"])["detail"]["state"] == ["stopped", "terminated"]
    said = one(FOUND, "aws:scheduler/schedule:Schedule").inputs["target"]["input"]
    assert json.loads(said) == {"fleetmend": SWEEP}
    assert one(FOUND, "aws:scheduler/schedule:Schedule").inputs["scheduleExpression"] == (
        "rate(2 minutes)"
    )


def test_the_handler_exists() -> None:
    module, _, name = one(FOUND, "aws:lambda/function:Function").inputs["handler"].rpartition(".")
    assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_everything_is_tagged() -> None:
    assert badly_tagged(FOUND) == []


class Engine(pulumi.runtime.Mocks):
    """Names in place of what AWS would answer."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", {
            **args.inputs,
            "arn": f"arn:{args.name}",
            "url": f"u:{args.name}",
        }

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


@pulumi.runtime.test
def test_the_outputs_are_those_of_the_function_and_its_queues() -> pulumi.Output[None]:
    pulumi.runtime.set_mocks(Engine())
    made = Recovery("recovery", ARGS)

    def check(values: list[Any]) -> None:
        assert values == [
            "fleetmend-recovery-dev",
            "arn:recovery-controller-function",
            "arn:recovery-controller-alias",
            "u:recovery-controller-queue",
            "u:recovery-controller-dead-letters",
            "u:recovery-controller-undelivered",
            "arn:recovery-controller-rule",
        ]

    return pulumi.Output.all(
        made.function_name,
        made.function_arn,
        made.alias_arn,
        made.queue_url,
        made.dead_letters_url,
        made.undelivered_url,
        made.rule_arn,
    ).apply(check)


def test_cloudtrail_may_be_read_only_where_it_is_asked_and_only_here() -> None:
    assert "AsksWho" not in statements()
    asking = recovery(ask_who_stopped=True)
    assert '"who": "cloudtrail"' in one(asking, PARAMETER, "policy").inputs["insecureValue"]
    (asks,) = [
        each for each in grants({**ARGS, "ask_who_stopped": True}) if each["Sid"] == "AsksWho"
    ]
    assert (asks["Action"], asks["Resource"]) == (["cloudtrail:LookupEvents"], ["*"])
    assert list(asks["Condition"]["StringEquals"]) == ["aws:RequestedRegion"]


def test_grants_are_a_pure_function_of_the_arguments() -> None:
    assert [each["Sid"] for each in grants(ARGS)] == list(statements())
