"""Who may speak to whom: security group rules, each a resource of its own."""

from collections.abc import Iterable, Sequence

import pulumi
import pulumi_aws as aws

from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit

ANYWHERE = "0.0.0.0/0"


def awaited(opts: pulumi.ResourceOptions | None) -> list[pulumi.Resource]:
    """What a component was told to wait for, to hand on to the child that must wait.

    Pulumi lets a component itself wait, and none of its children.
    """
    given = opts.depends_on if opts else None
    if given is None:
        return []
    listed = given if isinstance(given, Sequence) else [given]
    return [item for item in listed if isinstance(item, pulumi.Resource)]


class SecurityGroup:
    """A security group that grows by rules; it begins with none, in or out."""

    def __init__(
        self,
        name: str,
        kind: str,
        description: str,
        vpc_id: pulumi.Input[str],
        installation: InstallationArgs,
        parent: pulumi.Resource,
    ) -> None:
        self._name = name
        self._tags = tagging(installation)
        self._called = naming(installation).name(kind, limit=Limit.GROUP)
        self._child = pulumi.ResourceOptions(parent=parent)
        self.group = aws.ec2.SecurityGroup(
            name,
            name=self._called,
            description=description,
            vpc_id=vpc_id,
            tags=self._tags.tags("security-group", self._called),
            opts=self._child,
        )

    def admit_ranges(self, blocks: Iterable[str], port: int, why: str) -> None:
        """Let these ranges in on one TCP port."""
        for block in blocks:
            self._ingress(f"from-{block.replace('/', '-')}", port, why, cidr_ipv4=block)

    def admit_group(self, source: pulumi.Input[str], port: int, why: str) -> None:
        """Let the members of another group in on one TCP port."""
        self._ingress("from-balancer", port, why, referenced_security_group_id=source)

    def release(self, ports: Iterable[int], why: str) -> None:
        """Let members connect anywhere on these TCP ports."""
        for port in ports:
            aws.vpc.SecurityGroupEgressRule(
                f"{self._name}-to-{port}",
                security_group_id=self.group.id,
                description=why,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=ANYWHERE,
                tags=self._tags.tags("security-group-rule", f"{self._called}-to-{port}"),
                opts=self._child,
            )

    def reached_from(self, source: pulumi.Input[str], port: int, why: str) -> None:
        """Let another group's members connect to this group's, seen from their side."""
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-reached",
            security_group_id=source,
            description=why,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=self.group.id,
            tags=self._tags.tags("security-group-rule", f"{self._called}-reached"),
            opts=self._child,
        )

    def _ingress(
        self,
        kind: str,
        port: int,
        why: str,
        *,
        cidr_ipv4: str | None = None,
        referenced_security_group_id: pulumi.Input[str] | None = None,
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-{kind}",
            security_group_id=self.group.id,
            description=why,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=cidr_ipv4,
            referenced_security_group_id=referenced_security_group_id,
            tags=self._tags.tags("security-group-rule", f"{self._called}-{kind}"),
            opts=self._child,
        )
