"""The installation's outputs: one fixed table, exported by the program and by no component.

Every name is always there. What the settings left out is null, an empty list or an empty map, so
that whoever reads a stack's outputs never has to ask whether a name exists.
`python -m fleetmend.components.outputs docs/outputs.md` writes the reference page.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi


class OutputsIncomplete(Exception):
    """What is exported and what is documented differ; the message names both sides."""


@dataclass(frozen=True, slots=True)
class Described:
    """One output: its name, what it is, and how it is used."""

    name: str
    what: str
    use: str


GROUPS: Mapping[str, tuple[Described, ...]] = {
    "Where": (
        Described("region", "The AWS region", "Pass it to every `aws` command: `--region`"),
        Described("environment", "What it is for, such as `prod`", "Tell installations apart"),
        Described("suffix", "The environment suffix", "The value of the tag `Environment`"),
        Described(
            "session_command",
            "How to open a session on an instance",
            "Put an instance id in place of `<instance-id>`; no port is open and no key needed",
        ),
    ),
    "Network": (
        Described("vpc_id", "The VPC", "Put resources of your own into it"),
        Described("vpc_cidr", "Its block", "Routes and rules of networks that are connected"),
        Described("public_subnet_ids", "Public subnets, one per zone", "Public balancers"),
        Described("private_subnet_ids", "Private subnets, one per zone", "Everything else"),
        Described("internet_gateway_id", "The internet gateway", "Routes of your own"),
        Described(
            "nat_gateway_ids", "NAT gateways, in the order of the zones", "See their metrics"
        ),
        Described("public_route_table_ids", "Route tables of public subnets", "Add peerings"),
        Described("private_route_table_ids", "Route tables, one per zone", "Add peerings"),
        Described("endpoint_ids", "VPC endpoints by service", "Endpoint policies of your own"),
        Described("network_acl_ids", "Network ACLs: `public`, `private`", "Look up what is let in"),
        Described("flow_log_id", "The flow log", "Find it in the console"),
        Described(
            "security_group_ids",
            "Security groups: `instances`, `balancer`, `endpoints`",
            "Let another group of yours in, or be let in",
        ),
    ),
    "Compute": (
        Described("launch_template_id", "The launch template", "See what is launched"),
        Described("launch_template_version", "The version in use", "Compare after a change"),
        Described("group_name", "The Auto Scaling group", "`aws autoscaling …`"),
        Described("group_arn", "Its ARN", "Policies of your own"),
        Described("scaling_policy_arns", "Scaling policies", "Alarms of your own can call them"),
        Described("balancer_dns_name", "The balancer's DNS name", "Point your own name at it"),
        Described("instance_profile_name", "The instances' profile", "Instances of your own"),
        Described("instance_profile_arn", "Its ARN", "`iam:PassRole` of your own roles"),
        Described("role_names", "Every role by what it is for", "Look up what it may do"),
        Described("role_arns", "Their ARNs", "Key and bucket policies of your own"),
    ),
    "Functions": (
        Described("function_names", "Every function by concern", "`aws lambda invoke`, its logs"),
        Described("function_arns", "Their ARNs", "Policies of your own"),
        Described("schedule_arns", "Every schedule by concern", "See whether it is on"),
        Described("rule_arns", "Every EventBridge rule by concern", "See what wakes it"),
        Described(
            "queue_urls", "The queue that wakes it, by concern", "`fleetmend run` sends there"
        ),
        Described("dead_letters_urls", "What kept failing, by concern", "Read it, then redrive"),
        Described("undelivered_urls", "What never arrived, by concern", "Read why, then delete"),
        Described(
            "state_machine_arn", "Rollback's state machine", "Null until rollback is installed"
        ),
    ),
    "Watching": (
        Described("log_group_names", "Every log group by what it is of", "Logs Insights"),
        Described("alarm_arns", "Every alarm", "Composite alarms of your own"),
        Described("dashboard_url", "The dashboard", "Open it"),
        Described("topic_arn", "The alerts topic", "Subscribe to it; publish to it"),
        Described("subscription_arns", "Subscriptions by the program", "Filter policies"),
        Described(
            "subscriptions_pending",
            "For each of them, whether it is still unconfirmed",
            "`true`: its owner has not followed the link yet, and gets nothing",
        ),
    ),
    "Data": (
        Described("ledger_bucket", "The ledger bucket", "Read records; nobody writes by hand"),
        Described("backup_bucket", "The backup bucket", "Instances write under `instances/`"),
        Described("log_bucket", "The access log bucket", "Read access logs"),
        Described("backup_copy_bucket", "The copy in another region", "Restore from it"),
        Described("backup_vault_name", "The backup vault", "`aws backup list-recovery-points-…`"),
        Described("key_arn", "The main key", "Grant its use to roles of your own"),
        Described("alerts_key_arn", "The alerts topic's key", "Grant its use to other publishers"),
        Described("parameter_path", "Where all parameters lie", "`aws ssm get-parameters-by-path`"),
        Described(
            "secret_arn", "The application's secret", "`aws secretsmanager get-secret-value`"
        ),
        Described(
            "athena_workgroup", "Where history is queried", "Null until compliance is installed"
        ),
        Described("glue_database", "The history's tables", "Null until compliance is installed"),
    ),
}
"""The table, by section of the reference page."""

NAMES = tuple(described.name for group in GROUPS.values() for described in group)
"""Every output, in the order of the page."""


def export(values: Mapping[str, pulumi.Input[object]]) -> None:
    """Export exactly the table.

    Raises:
        OutputsIncomplete: A name of the table has no value, or a value no name in it.
    """
    missing = sorted(set(NAMES) - set(values))
    unknown = sorted(set(values) - set(NAMES))
    if missing or unknown:
        raise OutputsIncomplete(f"outputs without a value: {missing}; undocumented: {unknown}")
    for name in NAMES:
        pulumi.export(name, values[name])


HEAD = """\
# Outputs

What an installation tells about itself: `pulumi stack output`, `terraform output`, or another
program's `StackReference`. Every name is always there; what the settings left out is null, an
empty list or an empty map. Maps are keyed by concern (`recovery`, `bridge`, …) or by the word in
the second column. There is no public address, because there is none.

This page is generated: `python -m fleetmend.components.outputs docs/outputs.md`.
"""


def reference() -> str:
    """The reference page, as Markdown."""
    sections = [HEAD]
    for title, group in GROUPS.items():
        rows = [f"| `{d.name}` | {d.what} | {d.use} |" for d in group]
        table = "\n".join(["| output | what it is | use |", "|---|---|---|", *rows])
        sections.append(f"## {title}\n\n{table}\n")
    return "\n".join(sections)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
