"""What settings must be to each other: the rules that no single field can keep.

Each rule names the settings it reads, so that it is left out (and no follow-up mistake is told)
where one of them is already wrong by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from fleetmend.components.settings_types import Environment, NatMode
from fleetmend.components.tagging import OWN_KEYS
from fleetmend.core import acl, network_plan, ranges

if TYPE_CHECKING:
    from fleetmend.components.settings import Settings

SCHEDULER_PRECISION_SECONDS = 60
"""EventBridge Scheduler invokes a target within this time of the minute it names (User Guide,
Schedule types)."""

Found = Iterator[tuple[str, str]]
"""The key at fault and the reason."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the keys it reads and the function that finds what is wrong between them."""

    reads: frozenset[str]
    find: Callable[["Settings"], Found]


RULES: list[Rule] = []


def _rule(*reads: str) -> Callable[[Callable[["Settings"], Found]], Callable[["Settings"], Found]]:
    def add(find: Callable[["Settings"], Found]) -> Callable[["Settings"], Found]:
        RULES.append(Rule(frozenset(reads), find))
        return find

    return add


@_rule("region", "allowedRegions")
def _region(s: "Settings") -> Found:
    allowed = s.installation.allowed_regions
    if s.installation.region not in allowed:
        yield "region", f"not on the allow-list (allowedRegions: {', '.join(allowed)})"


@_rule("environmentSuffix", "environment")
def _production(s: "Settings") -> Found:
    says_prod = s.installation.environment_suffix in {"prod", "production", "prd", "live"}
    if says_prod and s.installation.environment is not Environment.PROD:
        yield "environment", "the suffix says production: set environment to prod"


@_rule("tags")
def _tags(s: "Settings") -> Found:
    taken = sorted(OWN_KEYS & set(s.installation.tags))
    if taken:
        yield "tags", f"Fleetmend sets {', '.join(taken)} itself"


@_rule("vpcCidr")
def _block(s: "Settings") -> Found:
    try:
        network_plan.plan(s.network.vpc_cidr, network_plan.MAX_ZONES)
    except network_plan.PlanError as error:
        yield "vpcCidr", str(error)


@_rule(
    "deployNetwork",
    "existingVpcId",
    "existingPrivateSubnetIds",
    "existingPublicSubnetIds",
    "zoneCount",
    "deployCompute",
)
def _existing(s: "Settings") -> Found:
    net = s.network
    if net.deploy_network:
        if net.existing_vpc_id:
            yield (
                "existingVpcId",
                "a VPC is made anyway: set deployNetwork to false to use this one",
            )
        return
    if not s.compute.deploy_compute:
        return
    if not net.existing_vpc_id:
        yield "existingVpcId", "needed where no VPC is made (deployNetwork is false)"
    if len(net.existing_private_subnet_ids) != net.zone_count:
        given = len(net.existing_private_subnet_ids)
        yield "existingPrivateSubnetIds", f"{given} given for {net.zone_count} zones (zoneCount)"
    public = net.existing_public_subnet_ids
    if public and len(public) != net.zone_count:
        yield "existingPublicSubnetIds", f"{len(public)} given for {net.zone_count} zones"


@_rule("natGateways", "interfaceEndpoints", "deployNetwork")
def _way_out(s: "Settings") -> Found:
    net = s.network
    if net.deploy_network and net.nat_gateways is NatMode.NONE and not net.interface_endpoints:
        yield "natGateways", "with neither NAT nor endpoints no instance can be managed"


@_rule("authorizedIpRanges", "allowWorldOpenIngress")
def _ingress(s: "Settings") -> Found:
    world = [] if s.network.allow_world_open_ingress else s.open_to_world
    if world:
        listed = ", ".join(str(block) for block in world)
        yield "authorizedIpRanges", f"{listed} opens the application to the world"
    for block in s.authorized:
        if block.version == 6 and block not in world:
            yield "authorizedIpRanges", f"{block} is IPv6, and the VPC has IPv4 only"


@_rule(
    "authorizedIpRanges", "egressPorts", "applicationPort", "vpcCidr", "deployBalancer",
    "deployNetwork",
)  # fmt: skip
def _acl_room(s: "Settings") -> Found:
    if not s.network.deploy_network:
        return
    block = ranges.parse(s.network.vpc_cidr)
    if not isinstance(block, IPv4Network):
        return  # told by its own rule
    needs = acl.Needs(
        block=block,
        authorized=tuple(block for block in s.authorized if isinstance(block, IPv4Network)),
        application_port=s.balancer.application_port,
        egress_ports=tuple(s.network.egress_ports),
        balancer=s.balancer_place,
    )
    over = max(acl.too_many(rules(needs)) for rules in (acl.public_rules, acl.private_rules))
    if over:
        longer = len(needs.clients) >= len(needs.outside_ports)
        key = "authorizedIpRanges" if longer else "egressPorts"
        yield key, f"{over} more than a network ACL has room for; merge neighbouring ones"


@_rule("minSize", "desiredCapacity", "maxSize")
def _sizes(s: "Settings") -> Found:
    low, wanted, high = s.compute.min_size, s.compute.desired_capacity, s.compute.max_size
    if low > high:
        yield "minSize", f"more than maxSize ({high})"
    elif not low <= wanted <= high:
        yield "desiredCapacity", f"not between minSize ({low}) and maxSize ({high})"


@_rule("cpuLowPercent", "cpuHighPercent")
def _cpu(s: "Settings") -> Found:
    if s.compute.cpu_low_percent >= s.compute.cpu_high_percent:
        yield "cpuLowPercent", f"not below cpuHighPercent ({s.compute.cpu_high_percent})"


@_rule("deployBalancer", "certificateArn", "region", "deployCompute")
def _certificate(s: "Settings") -> Found:
    balancer = s.balancer
    if balancer.deploy_balancer and not s.compute.deploy_compute:
        yield "deployBalancer", "there is nothing behind it (deployCompute is false)"
    if balancer.deploy_balancer and not balancer.certificate_arn:
        yield "certificateArn", "needed with a balancer (deployBalancer): it speaks HTTPS only"
    elif balancer.certificate_arn and balancer.certificate_arn.split(":")[3] != s.region:
        yield "certificateArn", f"the certificate is not in the region {s.region}"


@_rule("deployBalancer", "authorizedIpRanges", "deployNetwork", "existingPublicSubnetIds")
def _public_balancer(s: "Settings") -> Found:
    reached = s.balancer.deploy_balancer and s.publicly_reached
    if reached and not s.network.deploy_network and not s.network.existing_public_subnet_ids:
        yield "existingPublicSubnetIds", "a balancer for public ranges needs public subnets"


@_rule("volumeKmsKeyArn", "region")
def _volume_key(s: "Settings") -> Found:
    arn = s.compute.volume_kms_key_arn
    if arn and arn.split(":")[3] != s.region:
        yield "volumeKmsKeyArn", f"the key is not in the region {s.region}"


@_rule(
    "sweepMinutes",
    "promiseMinutes",
    "lambdaTimeoutSeconds",
    "batchWindowSeconds",
)
def _promise(s: "Settings") -> Found:
    recovery = s.recovery
    parts = {
        "sweepMinutes": recovery.sweep_minutes * 60,
        "scheduler precision": SCHEDULER_PRECISION_SECONDS,
        "lambdaTimeoutSeconds": s.controller.lambda_timeout_seconds,
        "batchWindowSeconds": recovery.batch_window_seconds,
    }
    worst, promised = sum(parts.values()), recovery.promise_minutes * 60
    if worst > promised:
        adds = " + ".join(f"{name} {seconds} s" for name, seconds in parts.items())
        yield "promiseMinutes", f"{adds} = {worst} s, more than the promised {promised} s"


@_rule("oldestLookSeconds", "sweepMinutes")
def _heartbeat(s: "Settings") -> Found:
    if s.alerts.oldest_look_seconds < 2 * 60 * s.recovery.sweep_minutes:
        yield "oldestLookSeconds", f"less than two sweeps of {s.recovery.sweep_minutes} minutes"


@_rule("alarmPeriodSeconds", "alarmEvaluationPeriods", "alarmDatapoints")
def _alarms(s: "Settings") -> Found:
    period, periods = s.alerts.alarm_period_seconds, s.alerts.alarm_evaluation_periods
    if period not in {10, 30} and period % 60:
        yield "alarmPeriodSeconds", "CloudWatch takes no such period"
    longest = 7 * 86400 if period >= 3600 else 86400
    if period * periods > longest:
        yield "alarmEvaluationPeriods", f"an alarm of this period looks back {longest} s at most"
    if s.alerts.alarm_datapoints > periods:
        yield "alarmDatapoints", f"more than alarmEvaluationPeriods ({periods})"


@_rule("backupInfrequentDays", "backupGlacierDays", "backupExpireDays")
def _lifecycle(s: "Settings") -> Found:
    storage = s.storage
    if storage.backup_glacier_days < storage.backup_infrequent_days + 30:
        yield "backupGlacierDays", "S3 keeps an object in STANDARD_IA for 30 days at least"
    if storage.backup_expire_days <= storage.backup_glacier_days:
        yield "backupExpireDays", f"not after backupGlacierDays ({storage.backup_glacier_days})"


@_rule("backupCopyRegion", "region", "allowedRegions")
def _copy(s: "Settings") -> Found:
    copy = s.storage.backup_copy_region
    if copy and (copy == s.region or copy not in s.installation.allowed_regions):
        yield "backupCopyRegion", "a copy lies in another region that is on the allow-list"


@_rule("forceDestroy", "environment")
def _destroy(s: "Settings") -> Found:
    if s.storage.force_destroy and s.is_prod:
        yield "forceDestroy", "production data is not thrown away"


@_rule("secretRecoveryDays")
def _secret_recovery(s: "Settings") -> Found:
    days = s.secrets.secret_recovery_days
    if days is not None and 0 < days < 7:
        yield "secretRecoveryDays", "Secrets Manager keeps a deleted secret 7 days or not at all"


@_rule("alertWebhooks", "deployBridge")
def _bridge(s: "Settings") -> Found:
    if s.alerts.alert_webhooks and not s.alerts.deploy_bridge:
        yield "deployBridge", "alertWebhooks are told by the bridge, and by nothing else"


@_rule("deployRebuild", "rebuildVpcIds", "deployNetwork", "existingVpcId")
def _rebuild(s: "Settings") -> Found:
    inside = s.network.deploy_network or s.network.existing_vpc_id or s.rebuild.rebuild_vpc_ids
    if s.rebuild.deploy_rebuild and not inside:
        yield "rebuildVpcIds", "needed where no VPC is made or named (deployNetwork is false)"


@_rule("deployCompliance", "complianceRules")
def _rules_file(s: "Settings") -> Found:
    if s.compliance.deploy_compliance and not s.compliance.compliance_rules:
        yield "complianceRules", "deployCompliance needs it: by which rules?"


@_rule("deployRemediation", "deployCompliance")
def _remediation(s: "Settings") -> Found:
    if s.remediation.deploy_remediation and not s.compliance.deploy_compliance:
        yield "deployRemediation", "it goes by compliance's reports: set deployCompliance too"
