"""Network ACLs from rules that `core.acl` has computed."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from fleetmend.components.accept import accept
from fleetmend.core.acl import EPHEMERAL, FRAGMENTATION_NEEDED, AclRule, Protocol

JUDGED = {
    Protocol.TCP: (
        "CKV_AWS_231",
        "Answers come to the ports 1024-65535, 3389 among them; security groups let no RDP in.",
    ),
    Protocol.ICMP: (
        "CKV_AWS_352",
        "It lets ICMP type 3 code 4 in, which has no ports; Checkov takes that for all of them.",
    ),
}
"""Why checks of Checkov about rules for everybody are answered differently here."""


def network_acl(
    name: str,
    vpc_id: pulumi.Input[str],
    rules: Sequence[AclRule],
    subnets: Sequence[aws.ec2.Subnet],
    tags: dict[str, str],
    parent: pulumi.Resource,
) -> aws.ec2.NetworkAcl:
    """An ACL with its rules and subnets, each a resource of its own.

    Apart, because a rule can then be added by a user's own program, and because a subnet's
    association with the default ACL has to be replaced, not added to.
    """
    child = pulumi.ResourceOptions(parent=parent)
    acl = aws.ec2.NetworkAcl(name, vpc_id=vpc_id, tags=tags, opts=child)
    accept(acl, "CKV2_AWS_1", "Checkov does not look at the associations below.")
    # A rule cannot be changed, and two cannot have the same number.
    apart = pulumi.ResourceOptions(parent=parent, delete_before_replace=True)
    made = [_rule(f"{name}-{_direction(rule)}-{rule.number}", acl, rule, apart) for rule in rules]
    # Late enough that no subnet stands behind an ACL without rules, which lets nothing through.
    late = pulumi.ResourceOptions(parent=parent, depends_on=made)
    for index, subnet in enumerate(subnets):
        aws.ec2.NetworkAclAssociation(
            f"{name}-association-{index}", network_acl_id=acl.id, subnet_id=subnet.id, opts=late
        )
    return acl


def _direction(rule: AclRule) -> str:
    return "egress" if rule.egress else "ingress"


def _rule(
    name: str, acl: aws.ec2.NetworkAcl, rule: AclRule, opts: pulumi.ResourceOptions
) -> aws.ec2.NetworkAclRule:
    icmp = rule.protocol is Protocol.ICMP
    made = aws.ec2.NetworkAclRule(
        name,
        network_acl_id=acl.id,
        rule_number=rule.number,
        egress=rule.egress,
        protocol=rule.protocol.value,
        rule_action="allow" if rule.allow else "deny",
        cidr_block=str(rule.peer),
        from_port=None if icmp else rule.ports[0],
        to_port=None if icmp else rule.ports[1],
        icmp_type=rule.ports[0] if icmp else None,
        icmp_code=rule.ports[1] if icmp else None,
        opts=opts,
    )
    if not rule.egress and rule.ports in {EPHEMERAL, FRAGMENTATION_NEEDED}:
        check, reason = JUDGED[rule.protocol]
        accept(made, check, reason)
    return made
