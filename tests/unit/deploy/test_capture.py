"""Capture: what a program declared, without Pulumi's engine."""

import asyncio
import base64
import gc
import logging
import os
import subprocess
import sys

import pulumi
import pulumi_aws as aws
import pytest

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.capture import CaptureError, capture
from fleetmend.deploy.tokens import token

ROOT = "urn:pulumi:dev::fleetmend::"


class Site(pulumi.ComponentResource):
    """A VPC with two subnets, as a component."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Site", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.vpc = aws.ec2.Vpc(f"{name}-vpc", cidr_block="10.0.0.0/16", tags={"a": "b"}, opts=child)
        zones = aws.get_availability_zones(
            state="available", opts=pulumi.InvokeOptions(parent=self)
        )
        self.subnets = [
            aws.ec2.Subnet(
                f"{name}-{index}",
                vpc_id=self.vpc.id,
                cidr_block=f"10.0.{index}.0/24",
                availability_zone=zones.names[index],
                opts=child,
            )
            for index in range(2)
        ]
        self.register_outputs({"vpc": self.vpc.id})


def program() -> None:
    region = pulumi.Config().require("region")
    provider = aws.Provider(
        "main", region=region, default_tags={"tags": {"Owner": pulumi.get_stack()}}
    )
    own = pulumi.ResourceOptions(provider=provider)
    site = Site("site", own)
    bucket = aws.s3.Bucket(
        "data",
        bucket="data-1",
        opts=pulumi.ResourceOptions(
            provider=provider,
            protect=True,
            depends_on=[site],
            ignore_changes=["tags"],
            delete_before_replace=False,
        ),
    )
    aws.ssm.Parameter(
        "alert",
        type="SecureString",
        value=pulumi.Output.concat(pulumi.Output.secret("hush "), bucket.arn),
        opts=own,
    )
    aws.lambda_.Function(
        "worker",
        role=pulumi.Output.json_dumps({"in": bucket.id}),
        code=pulumi.AssetArchive({"a.txt": pulumi.StringAsset("hello")}),
        memory_size=256,
        ephemeral_storage={"size": 512},
        opts=own,
    )
    pulumi.export("bucket", bucket.bucket)
    pulumi.export(
        "zones", aws.get_availability_zones(opts=pulumi.InvokeOptions(provider=provider)).names
    )
    pulumi.export("password", pulumi.Output.secret("hush"))


def take() -> Graph:
    return capture(program, config={"region": "us-west-2"})


def node(graph: Graph, name: str) -> Node:
    return next(item for item in graph.nodes if item.name == name)


def problems(broken) -> list[tuple[str, str]]:
    with pytest.raises(CaptureError) as caught:
        capture(broken, config={})
    return [(problem.kind, problem.property) for problem in caught.value.problems]


def test_urns_parents_and_references_are_pulumis_own():
    graph = take()
    vpc = node(graph, "site-vpc")
    assert vpc.urn == ROOT + "test:index:Site$aws:ec2/vpc:Vpc::site-vpc"
    assert vpc.parent == node(graph, "site").urn
    assert not node(graph, "site").custom
    assert vpc.provider == node(graph, "main").urn
    subnet = node(graph, "site-1")
    assert subnet.inputs["vpcId"] == token(vpc.urn, "id")
    assert subnet.property_dependencies["vpcId"] == (vpc.urn,)
    assert list(graph.nodes) == sorted(graph.nodes, key=lambda item: item.urn)


def test_data_sources_are_named_by_their_content_and_indexed():
    graph = take()
    asked = {invoke.urn: invoke for invoke in graph.invokes}
    assert len(asked) == 2
    zone = node(graph, "site-1").inputs["availabilityZone"]
    (urn,) = [urn for urn, invoke in asked.items() if invoke.inputs == {"state": "available"}]
    assert zone == token(urn, "names[1]")
    assert asked[urn].provider == node(graph, "main").urn


def test_a_whole_list_is_one_reference():
    graph = take()
    (urn,) = [invoke.urn for invoke in graph.invokes if not invoke.inputs]
    assert graph.outputs["zones"] == token(urn, "names")


def test_options_are_kept():
    bucket = node(take(), "data")
    assert bucket.options["protect"] is True
    assert bucket.options["ignoreChanges"] == ["tags"]
    assert bucket.options["deleteBeforeReplace"] is False
    names = {urn.rpartition("::")[2] for urn in bucket.options["dependsOn"]}
    assert names == {"site-vpc", "site-0", "site-1"}


def test_provider_inputs_are_plain():
    provider = node(take(), "main")
    assert provider.inputs["region"] == "us-west-2"
    assert provider.inputs["defaultTags"] == {"tags": {"Owner": "dev"}}


def test_values_stay_what_they_are():
    worker = node(take(), "worker")
    assert worker.inputs["memorySize"] == 256
    assert isinstance(worker.inputs["memorySize"], int)
    assert worker.inputs["ephemeralStorage"] == {"size": 512}
    assert worker.inputs["code"] == {
        "$archive": {"assets": {"a.txt": {"$asset": {"text": "hello"}}}}
    }


def test_secrets_are_paths_and_in_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    graph = take()
    assert node(graph, "alert").secret_paths == ("value",)
    stack = graph.of_type("pulumi:pulumi:Stack")[0]
    assert stack.secret_paths == ("password",)
    assert graph.outputs["password"] == "hush"
    assert "hush" not in caplog.text


def test_a_secret_stays_one_through_a_resource():
    def leaky() -> None:
        one = aws.ssm.Parameter("one", type="SecureString", value=pulumi.Output.secret("x"))
        aws.ssm.Parameter("two", type="String", value=one.value)

    assert node(capture(leaky, config={}), "two").secret_paths == ("value",)


def test_secret_configuration():
    def reads() -> None:
        pulumi.export("out", pulumi.Config().require_secret("token"))

    graph = capture(reads, config={"token": "t"}, secret_keys=["token"])
    assert graph.of_type("pulumi:pulumi:Stack")[0].secret_paths == ("out",)


def test_the_same_program_gives_the_same_graph():
    first = take()
    assert all(take() == first for _ in range(3))


def test_another_process_gives_the_same_graph():
    code = "from tests.unit.deploy.test_capture import take; print(repr(take()))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {repr(take()) + "\n"}


def test_program_errors_are_the_programs_own():
    class Broken(Exception):
        pass

    def fails() -> None:
        aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
        raise Broken("on purpose")

    for _ in range(2):
        with pytest.raises(Broken, match="on purpose"):
            capture(fails, config={})
    assert take().nodes


def test_an_error_inside_apply_comes_out_and_is_said_once(caplog):
    def fails() -> None:
        vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
        aws.ec2.Subnet("s", vpc_id=vpc.id.apply(lambda _: 1 / 0), cidr_block="10.0.0.0/24")

    with pytest.raises(ZeroDivisionError):
        capture(fails, config={})
    gc.collect()
    assert caplog.records == []


@pulumi.runtime.test
def test_it_works_inside_another_pulumi_test():
    assert take().nodes


def test_it_works_where_a_loop_is_running():
    async def main() -> Graph:
        return take()

    assert asyncio.run(main()) == take()


def test_two_resources_of_one_name():
    def twice() -> None:
        aws.sqs.Queue("q")
        aws.sqs.Queue("q")

    assert problems(twice) == [("duplicate", "")]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda text: text.split(":")[-1],
        lambda text: text[:3],
        lambda text: str(len(text)),
        lambda text: "yes" if text.startswith("vpc-") else "no",
    ],
)
def test_a_lost_reference_is_found(misuse):
    def loses() -> None:
        vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
        aws.ssm.Parameter("p", type="String", value=vpc.id.apply(misuse))

    assert ("lost-reference", "value") in problems(loses)


@pytest.mark.parametrize("misuse", [str.lower, lambda text: text[:-4], lambda text: text[4:]])
def test_a_damaged_reference_is_found(misuse):
    def damages() -> None:
        caller = aws.get_caller_identity()
        aws.ssm.Parameter("p", type="String", value=misuse(caller.account_id))

    assert problems(damages) == [("damaged-reference", "value")]


def test_walking_a_list_of_unknown_length_is_found():
    def walks() -> None:
        for index, zone in enumerate(aws.get_availability_zones().names):
            aws.ebs.Volume(f"v{index}", availability_zone=zone, size=1)

    assert problems(walks) == [("unknown-length", "availabilityZone")]


def test_all_faults_at_once():
    def many() -> None:
        vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
        for name in "ab":
            aws.ssm.Parameter(name, type="String", value=vpc.id.apply(lambda text: text[:2]))
        aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")

    kinds = sorted(kind for kind, _ in problems(many))
    assert kinds == ["duplicate", "lost-reference", "lost-reference"]


def test_what_is_no_fault():
    def fine() -> None:
        vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", tags={"Name": "v"})
        group = aws.autoscaling.Group("g", min_size=2, max_size=4, vpc_zone_identifiers=[vpc.id])
        subnet = aws.ec2.get_subnet_output(vpc_id=vpc.id)
        aws.ec2.Subnet(
            "s",
            vpc_id=subnet.vpc_id,
            cidr_block="10.0.0.0/24",
            tags=vpc.tags,
        )
        aws.autoscaling.Group(
            "h",
            min_size=group.min_size,
            max_size=4,
            vpc_zone_identifiers=group.vpc_zone_identifiers,
        )
        aws.ec2.LaunchTemplate(
            "t",
            user_data=vpc.id.apply(
                lambda text: base64.b64encode(f"#!/bin/sh\necho {text}".encode()).decode()
            ),
        )

    graph = capture(fine, config={})
    assert node(graph, "h").inputs["minSize"] == 2


def test_transforms_need_the_engine():
    def transforms() -> None:
        aws.sqs.Queue("q", opts=pulumi.ResourceOptions(transforms=[lambda _: None]))

    assert problems(transforms) == [("unsupported", "")]
