"""Settings: what is valid passes, what is not is told by key, all of it at once."""

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.components.settings import HIDDEN, Settings, SettingsError, keys
from fleetmend.components.settings_reference import reference
from fleetmend.core import acl

RIGHT = {"environmentSuffix": "dev", "region": "us-east-1"}


def read(environ: dict[str, str] | None = None, **config: str) -> Settings:
    return Settings.from_sources({**RIGHT, **config}, environ or {})


def wrong(environ: dict[str, str] | None = None, **config: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        read(environ, **config)
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_two_settings_are_enough() -> None:
    made = read()
    assert made.region == "us-east-1"
    assert made.identity["suffix"] == "dev"
    assert made.recovery.sweep_minutes == 2


ONE_FAULT = [
    ("environmentSuffix", "Dev", "lower-case"),
    ("environmentSuffix", "a-", "lower-case"),
    ("environmentSuffix", "x" * 17, "too long"),
    ("environmentSuffix", "dev\n", "lower-case"),
    ("environment", "live", "dev, test, staging or prod"),
    ("project", "9lives", "a letter first"),
    ("region", "eu-west-1", "not on the allow-list"),
    ("region", "Frankfurt", "not of the valid form"),
    ("accountId", "12345", "12 digits"),
    ("tags", "Name=x", "sets Name itself"),
    ("tags", "aws:x=1", "belong to AWS"),
    ("tags", "no pair", "no '='"),
    ("tags", '{"a": ', "not JSON"),
    ("vpcCidr", "10.0.0.0/33", "does not appear to be"),
    ("vpcCidr", "10.0.0.1/16", "host bits"),
    ("vpcCidr", "10.0.0.0/24", "too small"),
    ("vpcCidr", "10.0.0.0/8", "too large"),
    ("vpcCidr", "8.8.0.0/16", "not private"),
    ("vpcCidr", "fd00::/48", "IPv6"),
    ("zoneCount", "1", "too small"),
    ("zoneCount", "4", "too large"),
    ("zoneCount", "two", "not a whole number"),
    ("natGateways", "many", "per-zone, single or none"),
    ("existingVpcId", "vpc-0123456789abcdef0", "a VPC is made anyway"),
    ("authorizedIpRanges", "0.0.0.0/0", "opens the application to the world"),
    ("authorizedIpRanges", "::/0", "opens the application to the world"),
    ("authorizedIpRanges", "0.0.0.0/1,128.0.0.0/1", "opens the application to the world"),
    ("authorizedIpRanges", "::/1 8000::/1", "opens the application to the world"),
    ("authorizedIpRanges", "0.0.0.0/1,128.0.0.0/2,192.0.0.0/3", "to the world"),
    ("authorizedIpRanges", "2001:db8::/32", "IPv4 only"),
    ("authorizedIpRanges", "10.0.0.300/8", "does not appear to be"),
    ("authorizedIpRanges", ",".join(f"10.{n}.0.0/32" for n in range(1, 60, 2)), "has room for"),
    ("egressPorts", "443,443", "twice"),
    ("egressPorts", "0", "too small"),
    ("applicationPort", "22", "Session Manager only"),
    ("minSize", "9", "more than maxSize"),
    ("desiredCapacity", "1", "not between minSize"),
    ("desiredCapacity", "7", "not between minSize"),
    ("cpuLowPercent", "75", "not below cpuHighPercent"),
    ("volumeKmsKeyArn", "arn:aws:kms:us-west-2:123456789012:key/a-b", "not in the region"),
    ("deployBalancer", "true", "it speaks HTTPS only"),
    ("deployBalancer", "maybe", "neither true nor false"),
    ("logRetentionDays", "8", "CloudWatch does not accept"),
    ("logRetentionDays", "0", "CloudWatch does not accept"),
    ("flowLogRetentionDays", "31", "CloudWatch does not accept"),
    ("alertEmails", "ops@example.com, nobody", "item 2: not an e-mail address"),
    ("alertWebhooks", "http://hooks.example.com/x", "not an https address"),
    ("alertWebhooks", "pagerduty:short", "32 letters and digits"),
    ("retryIntervalMinutes", "2.5", "not a whole number"),
    ("retryIntervalMinutes", "0", "too small"),
    ("sweepMinutes", "5", "more than the promised 300 s"),
    ("maxAttempts", "0", "too small"),
    ("mode", "on", "off, observe or act"),
    ("recoveryPolicy", "mass_count=9", "not JSON"),
    ("recoveryPolicy", "[]", "not a JSON dict"),
    ("recoveryPolicy", '{"mass_count": 1}', "mass_count: 1 is not a number from 2"),
    ("recoveryPolicy", '{"colour": 1}', "colour: unknown"),
    ("recoveryPolicy", '{"max_attempts": 4}', "a setting of its own: maxAttempts"),
    ("recoveryPolicy", '{"capacity_first": 600}', "longer than capacity_longest"),
    ("rebuildPolicy", '{"drift": "alert"}', "a setting of its own: rebuildDrift"),
    ("healthPolicy", '{"boot_grace": -1}', "boot_grace: -1 is not a number"),
    ("remediationPolicy", '{"most_changes": 1}', "a setting of its own: remediationMostChanges"),
    ("recoverTagKey", "aws:mine", "belong to AWS"),
    ("lambdaTimeoutSeconds", "61", "too large"),
    ("lambdaRuntime", "python3.9", "python3.11"),
    ("alarmPeriodSeconds", "45", "takes no such period"),
    ("alarmDatapoints", "6", "more than alarmEvaluationPeriods"),
    ("oldestLookSeconds", "200", "less than two sweeps"),
    ("backupInfrequentDays", "70", "30 days at least"),
    ("backupExpireDays", "89", "not after backupGlacierDays"),
    ("backupCopyRegion", "us-east-1", "another region"),
    ("scheduleTimeZone", "Mars/Olympus", "no such time zone"),
    ("scheduleTimeZone", "Europe/", "not of the valid form"),
    ("secretRecoveryDays", "3", "7 days or not at all"),
    ("minSze", "1", "did you mean minSize?"),
]


@pytest.mark.parametrize(("key", "value", "says"), ONE_FAULT)
def test_one_fault_is_told_once_and_by_name(key: str, value: str, says: str) -> None:
    problems = wrong(**{key: value})
    told = " | ".join(problems.values())
    assert len(problems) == 1, told
    assert says in told
    assert key in told


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_sources(
            {"vpcCidr": "x", "minSize": "9", "sweepMinutes": "5", "tags": "Name=a", "nope": "1"}, {}
        )
    assert [problem.key for problem in caught.value.problems] == [
        "nope",
        "environmentSuffix",
        "region",
        "tags",
        "vpcCidr",
        "minSize",
        "promiseMinutes",
    ]
    assert "7 settings are wrong" in str(caught.value)


def test_the_suffix_has_no_default() -> None:
    with pytest.raises(SettingsError, match=r"environmentSuffix = \(not set\): must be given"):
        Settings.from_sources({"region": "us-east-1"}, {})


def test_rules_on_a_wrong_setting_add_no_follow_up() -> None:
    assert set(wrong(minSize="many", desiredCapacity="7")) == {"minSize"}


def test_a_world_open_ingress_takes_a_setting_of_its_own() -> None:
    made = read(authorizedIpRanges="0.0.0.0/0", allowWorldOpenIngress="true")
    assert made.publicly_reached


@pytest.mark.parametrize("blocks", ["::/0", "0.0.0.0/0,::/0"])
def test_no_setting_makes_the_vpc_speak_ipv6(blocks: str) -> None:
    told = wrong(authorizedIpRanges=blocks, allowWorldOpenIngress="true")
    assert "IPv4 only" in told["authorizedIpRanges"]


def test_a_block_is_judged_whatever_the_zones_are() -> None:
    assert set(wrong(vpcCidr="10.0.0.0/24", zoneCount="9")) == {"vpcCidr", "zoneCount"}


@given(
    clients=st.integers(1, 25),
    ports=st.sets(st.integers(1, 65535), min_size=1, max_size=20),
    first=st.sampled_from([10, 54]),
    balanced=st.booleans(),
)
def test_network_acls_have_room_for_whatever_passes(
    clients: int, ports: set[int], first: int, balanced: bool
) -> None:
    config = {
        "authorizedIpRanges": ",".join(f"{first}.0.{2 * n}.0/24" for n in range(clients)),
        "egressPorts": ",".join(str(port) for port in ports),
    }
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/x"
    front = {"deployBalancer": "true", "certificateArn": arn} if balanced else {}
    try:
        made = read(**config, **front)
    except SettingsError:
        return
    needs = acl.Needs(
        block=IPv4Network(made.network.vpc_cidr),
        authorized=tuple(map(IPv4Network, made.network.authorized_ip_ranges)),
        application_port=made.balancer.application_port,
        egress_ports=tuple(made.network.egress_ports),
        balancer=made.balancer_place,
    )
    assert acl.too_many(acl.public_rules(needs)) == 0
    assert acl.too_many(acl.private_rules(needs)) == 0


@pytest.mark.parametrize("blocks", ["10.0.0.0/8", "10.0.0.0/8,192.168.0.0/16,172.16.0.0/12"])
def test_private_ranges_are_not_the_world(blocks: str) -> None:
    assert not read(authorizedIpRanges=blocks).publicly_reached


@given(st.integers(1, 6))
def test_cutting_the_world_in_pieces_does_not_help(bits: int) -> None:
    pieces = ",".join(f"{n << (8 - bits)}.0.0.0/{bits}" for n in range(2**bits))
    assert "to the world" in wrong(authorizedIpRanges=pieces)["authorizedIpRanges"]


def test_zero_and_false_survive() -> None:
    made = read(
        minSize="0",
        desiredCapacity="0",
        cpuLowPercent="0",
        secretRecoveryDays="0",
        batchWindowSeconds="0",
        interfaceEndpoints="false",
        balancerDeletionProtection="false",
        environment="prod",
    )
    assert (made.compute.min_size, made.compute.desired_capacity) == (0, 0)
    assert made.compute.cpu_low_percent == 0
    assert made.secret_recovery_days == 0
    assert made.recovery.batch_window_seconds == 0
    assert made.network.interface_endpoints is False
    assert made.balancer.balancer_deletion_protection is False


@pytest.mark.parametrize(
    ("environment", "logs", "key", "secret"), [("dev", 14, 7, 0), ("prod", 30, 30, 30)]
)
def test_production_keeps_longer(environment: str, logs: int, key: int, secret: int) -> None:
    made = read(environment=environment)
    assert made.log_retention_days == made.flow_log_retention_days == logs
    assert (made.kms_deletion_days, made.secret_recovery_days) == (key, secret)


def test_a_suffix_that_says_production_must_mean_it() -> None:
    assert "set environment to prod" in wrong(environmentSuffix="prod")["environment"]


def test_force_destroy_is_refused_in_production() -> None:
    assert "forceDestroy" in wrong(environment="prod", forceDestroy="true")


def test_the_environment_is_read_by_its_documented_names() -> None:
    made = Settings.from_sources(
        {},
        {
            "AWS_REGION": "us-west-2",
            "ENVIRONMENT_SUFFIX": "pr123",
            "AUTHORIZED_IP_RANGES": "10.1.0.0/16, 10.3.0.0/16",
            "RETRY_INTERVAL_MINUTES": "7",
            "FLEETMEND_ZONE_COUNT": "3",
            "FLEETMEND_VPC_CIDR": "",
        },
    )
    assert (made.region, made.suffix, made.network.zone_count) == ("us-west-2", "pr123", 3)
    assert made.network.authorized_ip_ranges == ["10.1.0.0/16", "10.3.0.0/16"]
    assert made.recovery.retry_interval_minutes == 7
    assert made.network.vpc_cidr == "10.0.0.0/16"


def test_the_stack_wins_over_the_environment() -> None:
    assert read({"AWS_REGION": "us-west-2", "FLEETMEND_REGION": "us-west-2"}).region == "us-east-1"


def test_a_fault_from_the_environment_names_the_variable() -> None:
    told = wrong({"FLEETMEND_ZONE_COUNT": "9"})["zoneCount"]
    assert "variable FLEETMEND_ZONE_COUNT" in told


def test_keys_of_other_namespaces_are_none_of_ours() -> None:
    made = Settings.from_sources(
        {**RIGHT, "aws:region": "eu-west-1", "fleetmend:zoneCount": "3"}, {}
    )
    assert made.network.zone_count == 3


def test_lists_and_maps_are_taken_as_text_or_json() -> None:
    assert read(tags="Team=web, Cost=1").installation.tags == {"Team": "web", "Cost": "1"}
    assert read(tags=json.dumps({"a": "b=c"})).installation.tags == {"a": "b=c"}
    assert read(egressPorts="[443, 5432]").network.egress_ports == [443, 5432]


@pytest.mark.parametrize(
    ("key", "value", "secret"),
    [
        ("alertEmails", "hunter2 at example.com", "hunter2"),
        ("alertWebhooks", "http://hooks.example.com/T0/hunter2", "hunter2"),
        ("alertWebhooks", '["https://x.example.com", "hunter2', "hunter2"),
        ("alertWebhooks", "pagerduty:hunter2", "hunter2"),
        ("userDataExtra", "hunter2" * 2000, "hunter2"),
        ("alertWebhok", "https://hooks.example.com/hunter2", "hunter2"),
    ],
)
def test_secrets_are_never_shown(key: str, value: str, secret: str) -> None:
    told = " ".join(wrong(**{key: value}).values())
    assert "(hidden)" in told
    assert secret not in told


def test_settings_do_not_print_secrets() -> None:
    made = read(alertEmails="a@example.com", alertWebhooks="https://hooks.example.com/hunter2")
    assert "hunter2" not in repr(made)
    assert "a@example.com" not in str(made)


@given(st.dictionaries(st.sampled_from([key.name for key in keys()]), st.text(max_size=30)))
def test_whatever_stands_there_the_answer_is_settings_or_their_faults(
    config: dict[str, str],
) -> None:
    try:
        Settings.from_sources({**RIGHT, **config}, {})
    except SettingsError as error:
        assert {problem.key for problem in error.problems}
        assert all(problem.valid for problem in error.problems)


def test_no_two_settings_share_a_key_or_a_variable() -> None:
    names = [key.name for key in keys()]
    variables = [variable for key in keys() for variable in key.variables]
    assert len(names) == len(set(names))
    assert len(variables) == len(set(variables))
    assert set(names) >= HIDDEN


def test_every_setting_says_what_it_is_for() -> None:
    for key in keys():
        assert key.info.description, key.name
        assert key.info.description.endswith((".", ".)")), key.name
        assert key.valid, key.name


def test_the_reference_page_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"
    fix = "run: python -m fleetmend.components.settings_reference docs/settings.md"
    assert page.read_text(encoding="utf-8") == reference(), fix


@pytest.fixture
def stack_config() -> Iterator[None]:
    """Leaves no configuration behind for other tests."""
    yield
    pulumi.runtime.set_all_config({})


@pytest.mark.usefixtures("stack_config")
def test_a_pulumi_program_reads_its_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both from what the engine hands over and from what the SDK was told; ours wins."""
    pulumi.runtime.set_mocks(_NoMocks(), project="shop", stack="dev")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"fleetmend:environmentSuffix": "dev"}))
    pulumi.runtime.set_all_config(
        {"shop:region": "us-west-2", "shop:zoneCount": "2", "fleetmend:zoneCount": "3"}
    )
    made = Settings.from_pulumi({})
    assert (made.suffix, made.region, made.network.zone_count) == ("dev", "us-west-2", 3)
    pulumi.runtime.set_all_config({"fleetmend:zonecount": "3"})
    with pytest.raises(SettingsError, match="did you mean zoneCount"):
        Settings.from_pulumi({})


class _NoMocks(pulumi.runtime.Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, str]]:
        raise NotImplementedError

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, str]:
        raise NotImplementedError
