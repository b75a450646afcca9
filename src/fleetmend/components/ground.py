"""The ground an installation stands on, from its settings: network, balancer, compute."""

from dataclasses import dataclass

import pulumi

from fleetmend.components.accept import accept
from fleetmend.components.balancer import Balancer
from fleetmend.components.compute import Compute, ComputeArgs, instance_log_group
from fleetmend.components.flow_logs import flow_log_group
from fleetmend.components.network import ExistingNetworkArgs, Network, NetworkArgs
from fleetmend.components.settings import Settings
from fleetmend.core.acl import Balancer as Place

WORLD_OPEN = "Everybody may reach the application: the setting allowWorldOpenIngress says so."


@dataclass(frozen=True, slots=True)
class Beside:
    """What the ground needs of the installation's other parts.

    `ready` is what must be there before anything writes to the log bucket: the bucket's policy.
    """

    account_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    topic_arn: pulumi.Input[str]
    log_bucket: pulumi.Input[str]
    log_prefix: str
    backup_bucket_arn: pulumi.Input[str]
    ready: pulumi.Resource


@dataclass(frozen=True, slots=True)
class Ground:
    """What was made; None is what the settings left out."""

    network: Network | None
    balancer: Balancer | None
    compute: Compute | None


def log_groups(settings: Settings) -> list[str]:
    """The log groups that the ground makes, for the key that encrypts them."""
    made = [flow_log_group(settings.naming)] if settings.network.deploy_network else []
    return made + ([instance_log_group(settings.naming)] if settings.compute.deploy_compute else [])


def lay_ground(settings: Settings, beside: Beside, provider: pulumi.ProviderResource) -> Ground:
    """Declare the parts that the settings ask for."""
    opts = pulumi.ResourceOptions(provider=provider)
    if not settings.network.deploy_network and not settings.compute.deploy_compute:
        return Ground(None, None, None)
    network = Network("network", _network_args(settings, beside), opts)
    if not settings.compute.deploy_compute:
        return Ground(network, None, None)
    balancer = _balancer(settings, beside, network, provider)
    # Instances reach for their packages as soon as they start: routes and endpoints first.
    after = pulumi.ResourceOptions(provider=provider, depends_on=[network])
    compute = Compute("compute", _compute_args(settings, beside, network, balancer), after)
    if settings.open_to_world:
        accept(balancer or compute, "net-world-ingress", WORLD_OPEN)
    return Ground(network, balancer, compute)


def _network_args(settings: Settings, beside: Beside) -> NetworkArgs:
    chosen = settings.network
    args: NetworkArgs = {
        "installation": settings.identity,
        "account_id": beside.account_id,
        "vpc_cidr": chosen.vpc_cidr,
        "zone_count": chosen.zone_count,
        "nat_gateways": chosen.nat_gateways,
        "interface_endpoints": chosen.interface_endpoints,
        "extra_endpoints": list(chosen.extra_endpoints),
        "authorized_ip_ranges": list(chosen.authorized_ip_ranges),
        "application_port": settings.balancer.application_port,
        "egress_ports": list(chosen.egress_ports),
        "balancer": settings.balancer_place,
        "flow_log_retention_days": settings.flow_log_retention_days,
        "key_arn": beside.key_arn,
        "topic_arn": beside.topic_arn,
        "nat_port_errors_threshold": chosen.nat_port_errors_threshold,
    }
    if not chosen.deploy_network:
        args["existing"] = _existing(settings)
    return args


def _existing(settings: Settings) -> ExistingNetworkArgs:
    chosen = settings.network
    return {
        "vpc_id": chosen.existing_vpc_id or "",
        "private_subnet_ids": list(chosen.existing_private_subnet_ids),
        "public_subnet_ids": list(chosen.existing_public_subnet_ids),
    }


def _balancer(
    settings: Settings, beside: Beside, network: Network, provider: pulumi.ProviderResource
) -> Balancer | None:
    chosen = settings.balancer
    if not chosen.deploy_balancer:
        return None
    public = settings.balancer_place is Place.PUBLIC
    return Balancer(
        "balancer",
        {
            "installation": settings.identity,
            "vpc_id": network.vpc_id,
            "subnet_ids": network.public_subnet_ids if public else network.private_subnet_ids,
            "certificate_arn": chosen.certificate_arn or "",
            "log_bucket": beside.log_bucket,
            "log_prefix": beside.log_prefix,
            "public": public,
            "authorized_ip_ranges": list(settings.network.authorized_ip_ranges),
            "application_port": chosen.application_port,
            "application_protocol": chosen.application_protocol,
            "health_check_path": chosen.health_check_path,
            "deletion_protection": chosen.balancer_deletion_protection,
        },
        pulumi.ResourceOptions(provider=provider, depends_on=[network, beside.ready]),
    )


def _compute_args(
    settings: Settings, beside: Beside, network: Network, balancer: Balancer | None
) -> ComputeArgs:
    chosen = settings.compute
    args: ComputeArgs = {
        "installation": settings.identity,
        "account_id": beside.account_id,
        "vpc_id": network.vpc_id,
        "private_subnet_ids": network.private_subnet_ids,
        "image_id": chosen.image_id,
        "instance_type": chosen.instance_type,
        "min_size": chosen.min_size,
        "desired_capacity": chosen.desired_capacity,
        "max_size": chosen.max_size,
        "volume_size_gib": chosen.volume_size_gib,
        "scaling": chosen.scaling,
        "target_cpu_percent": chosen.target_cpu_percent,
        "cpu_high_percent": chosen.cpu_high_percent,
        "cpu_low_percent": chosen.cpu_low_percent,
        "warmup_seconds": chosen.warmup_seconds,
        "max_healthy_percent": chosen.max_healthy_percent,
        "managed_policies": chosen.managed_instance_policies,
        "user_data_extra": chosen.user_data_extra,
        "application_port": settings.balancer.application_port,
        "authorized_ip_ranges": list(settings.network.authorized_ip_ranges),
        "egress_ports": list(settings.network.egress_ports),
        "key_arn": beside.key_arn,
        "backup_bucket_arn": beside.backup_bucket_arn,
        "log_retention_days": settings.log_retention_days,
    }
    if settings.health.deploy_health:
        args["claims"] = {settings.health.heal_tag_key: settings.health.heal_tag_value}
    if chosen.volume_kms_key_arn:
        args["volume_key_arn"] = chosen.volume_kms_key_arn
    if balancer is not None:
        args["balancer_security_group_id"] = balancer.security_group_id
        args["target_group_arns"] = pulumi.Output.all(balancer.target_group_arn)
    return args
