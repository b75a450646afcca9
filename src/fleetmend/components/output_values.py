"""The values of the outputs, taken from the parts that there are."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, TypeVar

import pulumi

from fleetmend.components.parts import Parts
from fleetmend.components.settings import Settings

T = TypeVar("T")
Values = dict[str, pulumi.Input[Any]]


def values(settings: Settings, parts: Parts) -> Values:
    """A value for every name of the table in `outputs.py`."""
    return {
        **_where(settings),
        **_network(parts),
        **_compute(parts),
        **_functions(parts),
        **_watching(parts),
        **_data(parts),
    }


def alarm_arns(parts: Parts) -> pulumi.Output[list[str]]:
    """Every alarm there is, in one list."""
    ground = parts.ground
    lists = [
        *([ground.network.alarm_arns] if ground.network else []),
        *([ground.compute.alarm_arns] if ground.compute else []),
        *([parts.backup.alarm_arns] if parts.backup else []),
        *(function.alarm_arns for function in parts.functions.values()),
        *([pulumi.Output.all(parts.bridge.subscribers_alarm_arn)] if parts.bridge else []),
    ]
    return pulumi.Output.all(*lists).apply(lambda given: list(chain.from_iterable(given)))


def _where(settings: Settings) -> Values:
    target = f"aws ssm start-session --target <instance-id> --region {settings.region}"
    return {
        "region": settings.region,
        "environment": settings.installation.environment.value,
        "suffix": settings.suffix,
        "session_command": target,
    }


def _network(parts: Parts) -> Values:
    network, compute, balancer = parts.ground.network, parts.ground.compute, parts.ground.balancer
    groups = {
        "instances": compute and compute.security_group_id,
        "balancer": balancer and balancer.security_group_id,
        "endpoints": network and network.endpoint_security_group_id,
    }
    return {
        "vpc_id": network and network.vpc_id,
        "vpc_cidr": network and network.vpc_cidr,
        "public_subnet_ids": network.public_subnet_ids if network else [],
        "private_subnet_ids": network.private_subnet_ids if network else [],
        "internet_gateway_id": network and network.gateway_id,
        "nat_gateway_ids": network.nat_gateway_ids if network else [],
        "public_route_table_ids": network.public_route_table_ids if network else [],
        "private_route_table_ids": network.private_route_table_ids if network else [],
        "endpoint_ids": network.endpoint_ids if network else {},
        "network_acl_ids": (
            {"public": network.public_acl_id, "private": network.private_acl_id} if network else {}
        ),
        "flow_log_id": network and network.flow_log_id,
        "security_group_ids": {name: group for name, group in groups.items() if group is not None},
    }


def _compute(parts: Parts) -> Values:
    compute, balancer = parts.ground.compute, parts.ground.balancer
    roles = {
        **({"instances": compute} if compute else {}),
        **({"backup": parts.backup} if parts.backup else {}),
        **parts.functions,
    }
    return {
        "launch_template_id": compute and compute.launch_template_id,
        "launch_template_version": compute and compute.launch_template_version,
        "group_name": compute and compute.group_name,
        "group_arn": compute and compute.group_arn,
        "scaling_policy_arns": compute.scaling_policy_arns if compute else [],
        "balancer_dns_name": balancer and balancer.dns_name,
        "instance_profile_name": compute and compute.instance_profile_name,
        "instance_profile_arn": compute and compute.instance_profile_arn,
        "role_names": {name: part.role_name for name, part in roles.items()},
        "role_arns": {name: part.role_arn for name, part in roles.items()},
    }


def _functions(parts: Parts) -> Values:
    functions, controllers = parts.functions, parts.controllers
    return {
        "function_names": _each(functions, lambda part: part.function_name),
        "function_arns": _each(functions, lambda part: part.function_arn),
        "schedule_arns": _each(functions, lambda part: part.schedule_arn),
        "rule_arns": _each(controllers, lambda part: part.rule_arn),
        "queue_urls": _each(controllers, lambda part: part.queue_url),
        "dead_letters_urls": _each(controllers, lambda part: part.dead_letters_url),
        "undelivered_urls": _each(functions, lambda part: part.undelivered_url),
        "state_machine_arn": None,
    }


def _watching(parts: Parts) -> Values:
    network, compute = parts.ground.network, parts.ground.compute
    groups = {
        **_each(parts.functions, lambda part: part.log_group_name),
        **({"instances": compute.log_group_name} if compute else {}),
        **({"flowlogs": network.flow_log_group_name} if network else {}),
    }
    return {
        "log_group_names": groups,
        "alarm_arns": alarm_arns(parts),
        "dashboard_url": parts.dashboard and parts.dashboard.url,
        "topic_arn": parts.alerts.topic_arn,
        "subscription_arns": parts.alerts.subscription_arns,
        "subscriptions_pending": parts.alerts.subscription_states,
    }


def _data(parts: Parts) -> Values:
    return {
        "ledger_bucket": parts.storage.ledger_name,
        "backup_bucket": parts.storage.backup_name,
        "log_bucket": parts.storage.logs_name,
        "backup_copy_bucket": parts.copy and parts.copy.bucket_name,
        "backup_vault_name": parts.backup and parts.backup.vault_name,
        "key_arn": parts.keys.main_arn,
        "alerts_key_arn": parts.keys.alerts_arn,
        "parameter_path": parts.parameters.path,
        "secret_arn": parts.secrets.secret_arn,
        "athena_workgroup": parts.compliance and parts.compliance.workgroup,
        "glue_database": parts.compliance and parts.compliance.database,
    }


def _each(parts: Mapping[str, T], take: Callable[[T], pulumi.Output[str]]) -> Values:
    return {concern: take(part) for concern, part in parts.items()}
