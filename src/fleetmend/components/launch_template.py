"""The launch template: what every instance of the group is."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.naming import Limit
from fleetmend.components.user_data import encoded

LAUNCHED = ("instance", "volume", "network-interface")
"""What a launch makes and a tag specification can reach."""


@dataclass(frozen=True, slots=True)
class TemplatePlan:
    """What is launched. `key_arn` encrypts the volumes, or EBS's own default key does."""

    installation: InstallationArgs
    image_id: str
    instance_type: str
    root_device: str
    volume_gib: int
    key_arn: pulumi.Input[str] | None
    profile_arn: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    script: str


def launch_template(
    name: str, plan: TemplatePlan, parent: pulumi.Resource
) -> aws.ec2.LaunchTemplate:
    """Make it: IMDSv2 only, encrypted gp3, no public address, no SSH key."""
    names, tags = naming(plan.installation), tagging(plan.installation)
    called = names.name("launch-template", limit=Limit.LAUNCH_TEMPLATE)
    return aws.ec2.LaunchTemplate(
        f"{name}-launch-template",
        name=called,
        description="Fleetmend's instances",
        image_id=plan.image_id,
        instance_type=plan.instance_type,
        update_default_version=True,
        ebs_optimized="true",
        monitoring={"enabled": True},  # a minute's metrics, or alarms of a minute are blind
        iam_instance_profile={"arn": plan.profile_arn},
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            "http_put_response_hop_limit": 1,
        },
        block_device_mappings=[_root_volume(plan)],
        network_interfaces=[
            {
                "device_index": 0,
                "associate_public_ip_address": "false",
                "security_groups": [plan.security_group_id],
                "delete_on_termination": "true",
            }
        ],
        tag_specifications=[
            {"resource_type": kind, "tags": tags.tags(kind, names.name(kind, limit=256))}
            for kind in LAUNCHED
        ],
        user_data=encoded(plan.script),
        tags=tags.tags("launch-template", called),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _root_volume(plan: TemplatePlan) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name=plan.root_device,
        ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            encrypted="true",
            kms_key_id=plan.key_arn,
            volume_type="gp3",
            volume_size=plan.volume_gib,
            delete_on_termination="true",
        ),
    )
