"""The program: every part by settings, nothing forgotten between the parts, nothing by chance."""

import json
import re
from pathlib import Path

import pytest

from fleetmend.components.artifact import find_artifact
from fleetmend.components.installation import main
from fleetmend.components.settings import SettingsError
from fleetmend.components.settings_policy import OWN
from fleetmend.core.graph import Graph
from fleetmend.deploy.capture import capture
from fleetmend.deploy.check import Severity, check
from tests.components.graphs import badly_tagged, made, one
from tests.components.installed import (
    BASE,
    EVERYTHING,
    SECRET_KEYS,
    SLACK,
    filled,
    installed,
    policy,
)
from tests.components.test_outputs import LEAST

ROOT = Path(__file__).parents[2]
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SWITCHES = {
    "deployNetwork": "aws:ec2/vpc:Vpc",
    "deployCompute": "aws:autoscaling/group:Group",
    "deployBackup": "aws:backup/vault:Vault",
    "deployRecovery": "aws:cloudwatch/eventRule:EventRule",
    "deployHealth": "aws:scheduler/schedule:Schedule",
    "deployBridge": "aws:cloudwatch/metricAlarm:MetricAlarm",
    "deployDashboard": "aws:cloudwatch/dashboard:Dashboard",
    "deploySecret": "aws:secretsmanager/secret:Secret",
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_part_can_be_installed_without_the_others(switch: str) -> None:
    without, alone = installed(LEAST), installed(LEAST, **{switch: "true"} | _needs(switch))
    kind = SWITCHES[switch]
    assert len(alone.of_type(kind)) > len(without.of_type(kind))


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_part_can_be_left_out(switch: str) -> None:
    off = {switch: "false"}
    if switch == "deployNetwork":
        off |= _needs("deployCompute")
    found, whole = installed(BASE, **off), installed(BASE)
    assert len(made(found)) < len(made(whole))


@pytest.mark.parametrize("balanced", [False, True])
def test_whoever_forces_it_open_to_the_world_has_accepted_that(balanced: bool) -> None:
    """The setting is named for what it is, so `check` does not fail for it once more."""
    arn = "arn:aws:acm:us-west-2:123456789012:certificate/x"
    front = {"deployBalancer": "true", "certificateArn": arn} if balanced else {}
    config = {"authorizedIpRanges": "0.0.0.0/0", "allowWorldOpenIngress": "true", **front}
    told = {finding.rule: finding.severity for finding in check(installed(BASE, **config))}
    assert told["net-world-ingress"] is Severity.INFO
    assert set(told.values()) == {Severity.INFO}


def _needs(switch: str) -> dict[str, str]:
    if switch != "deployCompute":
        return {}
    subnets = "subnet-0123456789abcdef0,subnet-0123456789abcdef1"
    return {"existingVpcId": "vpc-0123456789abcdef0", "existingPrivateSubnetIds": subnets}


def test_the_program_runs_without_the_artifact() -> None:
    for function in installed().of_type("aws:lambda/function:Function"):
        assert "fleetmend-lambda.zip" in json.dumps(function.inputs["code"])


def test_nothing_is_declared_when_a_setting_is_wrong() -> None:
    with pytest.raises(SettingsError) as error:
        capture(main, config={"environmentSuffix": "DEV", "region": "nowhere", "zoneCount": "9"})
    assert {problem.key for problem in error.value.problems} >= {
        "environmentSuffix",
        "region",
        "zoneCount",
    }


def test_two_runs_declare_the_same() -> None:
    again = capture(main, config=EVERYTHING, secret_keys=SECRET_KEYS)
    assert again == installed(EVERYTHING)


def test_everything_is_tagged_with_ours_and_the_users() -> None:
    assert badly_tagged(installed()) == []


def test_everything_is_on_an_explicit_provider() -> None:
    for node in made(installed()):
        assert node.provider.rpartition("::")[2] in {"aws", "aws-copy"}, node.name
    for node in installed().invokes:
        assert node.provider, node.type


def test_the_provider_refuses_another_account() -> None:
    found = installed()
    for provider in found.of_type("pulumi:providers:aws"):
        assert provider.inputs["allowedAccountIds"] == [BASE["accountId"]]


def test_the_account_is_asked_for_where_nobody_says_it() -> None:
    config = {name: value for name, value in BASE.items() if name != "accountId"}
    found = installed(config)
    assert [node.type for node in found.invokes if "CallerIdentity" in node.type]


def test_every_encrypted_log_group_and_every_rule_is_admitted_by_the_key() -> None:
    found = installed()
    statements = {
        each["Sid"]: each for each in policy(found, one(found, "aws:kms/key:Key", "keys-main"))
    }
    groups = statements["LogsEncrypts"]["Condition"]["ArnEquals"][
        "kms:EncryptionContext:aws:logs:arn"
    ]
    admitted = {arn.rpartition("log-group:")[2] for arn in groups}
    assert admitted == {node.inputs["name"] for node in found.of_type(LOG_GROUP)}
    rules = statements["RulesDeliver"]["Condition"]["ArnEquals"]["aws:SourceArn"]
    real = {node.inputs["name"] for node in found.of_type("aws:cloudwatch/eventRule:EventRule")}
    assert {arn.rpartition("/")[2] for arn in rules} == real


def test_every_function_has_a_log_group_of_its_own() -> None:
    found = installed()
    groups = {node.inputs["name"] for node in found.of_type(LOG_GROUP)}
    for function in found.of_type("aws:lambda/function:Function"):
        assert f"/aws/lambda/{function.inputs['name']}" in groups


def facts(found: Graph) -> dict[str, object]:
    return json.loads(
        filled(
            found, one(found, "aws:ssm/parameter:Parameter", "installation").inputs["insecureValue"]
        )
    )


def test_the_command_line_finds_everything_by_one_parameter() -> None:
    found = facts(installed())
    assert found["project"] == "fleetmend"
    assert found["suffix"] == "dev"
    assert found["account"] == BASE["accountId"]
    assert found["ledger_bucket"] == f"fleetmend-ledger-us-west-2-dev-{BASE['accountId']}"
    assert found["promises"] == {"recovery": 300, "health": 300}
    assert set(found["queues"]) == set(found["functions"]) == {"recovery", "health"}  # type: ignore[call-overload]


def test_the_kill_switch_is_not_turned_back_by_a_later_apply() -> None:
    node = one(installed(BASE, mode="observe"), "aws:ssm/parameter:Parameter", "parameters-mode")
    assert node.inputs["name"] == "/fleetmend/dev/mode/all"
    assert node.inputs["insecureValue"] == "observe"
    assert node.options["ignoreChanges"] == ["insecureValue"]


def test_every_field_of_a_policy_can_be_set_by_one_setting_and_by_no_more() -> None:
    further = {
        "recoveryPolicy": '{"mass_count": 80}',
        "rebuildPolicy": '{"most_at_once": 7}',
        "healthPolicy": '{"boot_grace": 600}',
    }
    found = installed(BASE, deployRebuild="true", **further)
    for concern, own in OWN.items():
        texts = [
            node.inputs["insecureValue"]
            for node in found.of_type("aws:ssm/parameter:Parameter")
            if node.inputs["name"].endswith(f"/{concern}/policy")
        ]
        more = json.loads(further.get(f"{concern}Policy", "{}"))
        for text in texts:
            deployed = json.loads(text)
            assert set(deployed) == {*own, *more}, concern
            assert more.items() <= deployed.items()


def test_public_parameters_say_nothing_secret() -> None:
    plain = [
        n
        for n in installed().of_type("aws:ssm/parameter:Parameter")
        if n.inputs["type"] == "String"
    ]
    text = json.dumps([dict(node.inputs) for node in plain])
    assert SLACK not in text
    assert "@" not in text
    config = next(node for node in plain if node.inputs["name"].endswith("/app-config"))
    assert json.loads(config.inputs["insecureValue"]) == {
        "environment": "dev",
        "log_level": "INFO",
        "region": "us-west-2",
        "suffix": "dev",
    }


def test_two_installations_share_no_name() -> None:
    ours, theirs = installed(BASE), installed(BASE | {"environmentSuffix": "dev2"})

    def names(found: Graph) -> set[str]:
        return {
            f"{node.type} {node.inputs.get('name') or node.inputs.get('bucket')}"
            for node in made(found)
            if isinstance(node.inputs.get("name") or node.inputs.get("bucket"), str)
            and "<<TF" not in str(node.inputs.get("name") or node.inputs.get("bucket"))
            and node.type not in {"aws:lambda/alias:Alias", "aws:iam/rolePolicy:RolePolicy"}
        }

    assert names(ours)
    assert not names(ours) & names(theirs)


def test_no_region_or_zone_is_named_in_component_code() -> None:
    region = re.compile(r"\b(us|eu|ap|sa|ca|me|af)-[a-z]+-\d[a-f]?\b")
    named = {
        path.name
        for path in (ROOT / "src" / "fleetmend" / "components").glob("*.py")
        if region.search(re.sub(r'"""(?:.|\n)*?"""|#.*', "", path.read_text(encoding="utf-8")))
    }
    assert named <= {"settings_groups.py"}, "only the allow-list's default names regions"


def test_the_artifact_is_found_from_the_program_and_from_above_it(tmp_path: Path) -> None:
    inner = tmp_path / "infra"
    inner.mkdir()
    assert find_artifact("dist/a.zip", inner) == "dist/a.zip"
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "a.zip").write_bytes(b"")
    assert find_artifact("dist/a.zip", inner) == "../dist/a.zip"
    assert find_artifact("dist/a.zip", tmp_path) == "dist/a.zip"
