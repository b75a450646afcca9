"""Export: the graph as Terraform JSON, without Terraform."""

import base64
import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import Output, ResourceOptions

from fleetmend.deploy.capture import capture
from fleetmend.deploy.export import export
from fleetmend.deploy.outputs import resource_class
from fleetmend.deploy.problems import ExportError
from fleetmend.deploy.schema import aws_schema, camel, plural, singular
from fleetmend.deploy.type_table import DATA_SOURCES, EPHEMERAL, RENAMED, RESOURCES
from tests.unit.deploy.exports import faults


def test_blocks_attributes_and_names(exported):
    def program():
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", enable_dns_support=True)
        aws.autoscaling.Group(
            "web",
            name="web",
            min_size=0,
            max_size=2,
            vpc_zone_identifiers=[vpc.id],
            launch_template={"id": "lt-1", "version": "$Latest"},
            tags=[{"key": "a", "value": "b", "propagate_at_launch": True}],
        )
        aws.cloudwatch.MetricAlarm(
            "al",
            name="loud",
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            metric_queries=[{"id": "m", "expression": "1"}],
        )

    merged, report, _ = exported(program)
    group = merged["resource"]["aws_autoscaling_group"]["web"]
    assert group["vpc_zone_identifier"] == ["${aws_vpc.net.id}"]
    assert group["launch_template"] == [{"id": "lt-1", "version": "$Latest"}]
    assert group["tag"] == [{"key": "a", "value": "b", "propagate_at_launch": True}]
    alarm = merged["resource"]["aws_cloudwatch_metric_alarm"]["al"]
    assert alarm["alarm_name"] == "loud"
    assert alarm["metric_query"] == [{"id": "m", "expression": "1"}]
    assert report.resources == 3


def test_objects_in_attributes_get_every_key(exported):
    def program():
        aws.ec2.SecurityGroup(
            "s",
            egress=[
                {"protocol": "tcp", "from_port": 1, "to_port": 2, "cidr_blocks": ["10.0.0.0/8"]}
            ],
        )

    merged, _, _ = exported(program)
    (rule,) = merged["resource"]["aws_security_group"]["s"]["egress"]
    assert rule["cidr_blocks"] == ["10.0.0.0/8"]
    assert rule["security_groups"] is None
    assert len(rule) == 9


def test_literal_template_marks_are_escaped(exported):
    def program():
        aws.sns.Topic("t", name="t", tags={"k${x}": "a ${b} %{c} $${d}"}, policy="%{if}")

    merged, _, _ = exported(program)
    topic = merged["resource"]["aws_sns_topic"]["t"]
    assert topic["tags"] == {"k$${x}": "a $${b} %%{c} $$${d}"}
    assert topic["policy"] == "%%{if}"


def test_objects_become_json_text(exported):
    def program():
        bucket = aws.s3.Bucket("b", bucket="b-1")
        aws.iam.Policy("p", name="p", policy={"Statement": [{"Resource": bucket.arn}]})

    merged, _, _ = exported(program)
    policy = merged["resource"]["aws_iam_policy"]["p"]["policy"]
    assert json.loads(policy) == {"Statement": [{"Resource": "${aws_s3_bucket.b.arn}"}]}


def test_base64_around_a_reference(exported):
    def program():
        bucket = aws.s3.Bucket("b", bucket="b-1")
        script = Output.concat('echo "', bucket.bucket, '" ${HOME}\n')
        aws.ec2.LaunchTemplate(
            "t", user_data=script.apply(lambda text: base64.b64encode(text.encode()).decode())
        )

    merged, _, _ = exported(program)
    template = merged["resource"]["aws_launch_template"]["t"]["user_data"]
    assert template == ('${base64encode("echo \\"${aws_s3_bucket.b.bucket}\\" $${HOME}\\n")}')


def test_data_sources_and_indices(exported):
    def program():
        zones = aws.get_availability_zones(
            state="available", filters=[{"name": "opt-in-status", "values": ["opted-in"]}]
        )
        aws.ec2.Subnet("s", vpc_id="v", cidr_block="10.0.0.0/24", availability_zone=zones.names[1])
        pulumi.export("zones", zones.names)
        pulumi.export("region", aws.get_region().region)
        endpoint = aws.ec2.VpcEndpoint("e", vpc_id="v", service_name="s")
        pulumi.export("dns", endpoint.dns_entries[0].dns_name)
        pulumi.export("face", endpoint.network_interface_ids[0])

    merged, report, _ = exported(program)
    ((label, body),) = merged["data"]["aws_availability_zones"].items()
    assert body["filter"] == [{"name": "opt-in-status", "values": ["opted-in"]}]
    zones = f"data.aws_availability_zones.{label}.names"
    assert merged["resource"]["aws_subnet"]["s"]["availability_zone"] == f"${{{zones}[1]}}"
    assert merged["output"]["zones"] == {"value": f"${{{zones}}}"}
    ((condition,),) = [item["postcondition"] for item in body["lifecycle"]]
    assert condition["condition"] == "${length(self.names) >= 2}"
    assert "2 of names are needed" in condition["error_message"]
    assert merged["output"]["region"]["value"].endswith(".name}")
    assert merged["output"]["dns"]["value"] == "${aws_vpc_endpoint.e.dns_entry[0].dns_name}"
    assert merged["output"]["face"]["value"] == (
        "${tolist(aws_vpc_endpoint.e.network_interface_ids)[0]}"
    )
    assert report.data_sources == 2


def test_options(exported):
    def program():
        first = aws.sqs.Queue("first", name="first", opts=ResourceOptions(protect=True))
        aws.sns.Topic(
            "t",
            name="t",
            opts=ResourceOptions(
                depends_on=[first], ignore_changes=["tags['x']".replace("['x']", ".x"), "name"]
            ),
        )
        aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
        aws.ec2.Vpc("w", cidr_block="10.0.0.0/16", opts=ResourceOptions(delete_before_replace=True))
        aws.ec2.Vpc("x", opts=ResourceOptions(import_="vpc-123", ignore_changes=["*"]))
        aws.ec2.RouteTable(
            "r",
            vpc_id="v",
            opts=ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="5m")),
        )

    merged, _, _ = exported(program)
    found = merged["resource"]
    assert found["aws_sqs_queue"]["first"]["lifecycle"] == [{"prevent_destroy": True}]
    topic = found["aws_sns_topic"]["t"]
    assert topic["depends_on"] == ["aws_sqs_queue.first"]
    assert topic["lifecycle"] == [{"ignore_changes": ["name", 'tags["x"]']}]
    assert found["aws_vpc"]["v"]["lifecycle"] == [{"create_before_destroy": True}]
    assert "lifecycle" not in found["aws_vpc"]["w"]
    assert found["aws_vpc"]["x"]["lifecycle"][0]["ignore_changes"] == "all"
    assert merged["import"] == [{"to": "aws_vpc.x", "id": "vpc-123"}]
    assert found["aws_route_table"]["r"]["timeouts"] == [{"create": "5m"}]


def test_a_dependency_on_a_component_is_one_on_its_children(exported):
    class Pair(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("test:index:Pair", name)
            opts = ResourceOptions(parent=self)
            for end in "ab":
                aws.sqs.Queue(f"{name}-{end}", name=f"{name}-{end}", opts=opts)
            self.register_outputs({})

    def program():
        aws.sns.Topic("t", name="t", opts=ResourceOptions(depends_on=[Pair("p")]))

    merged, _, _ = exported(program)
    assert merged["resource"]["aws_sns_topic"]["t"]["depends_on"] == [
        "aws_sqs_queue.p-a",
        "aws_sqs_queue.p-b",
    ]


def test_providers(exported):
    def program():
        here = aws.Provider("here", region="us-east-1", default_tags={"tags": {"a": "b"}})
        there = aws.Provider("there", region="us-west-2")
        aws.sqs.Queue("q", name="q", opts=ResourceOptions(provider=here))
        aws.sqs.Queue("r", name="r", opts=ResourceOptions(provider=there))
        aws.get_region(opts=pulumi.InvokeOptions(provider=there))

    merged, _, _ = exported(program)
    blocks = {block["alias"]: block for block in merged["provider"]["aws"]}
    assert blocks["here"]["default_tags"] == [{"tags": {"a": "b"}}]
    assert blocks["there"]["region"] == "us-west-2"
    assert merged["resource"]["aws_sqs_queue"]["r"]["provider"] == "aws.there"
    (region,) = merged["data"]["aws_region"].values()
    assert region["provider"] == "aws.there"
    required = merged["terraform"]["required_providers"]["aws"]
    assert required == {"source": "hashicorp/aws", "version": ">= 5.100, < 7"}


def test_a_lone_provider_needs_no_alias(exported):
    def program():
        only = aws.Provider("only", region="us-east-1")
        aws.sqs.Queue("q", name="q", opts=ResourceOptions(provider=only))

    merged, _, _ = exported(program)
    assert "alias" not in merged["provider"]["aws"][0]
    assert "provider" not in merged["resource"]["aws_sqs_queue"]["q"]


def test_names_that_pulumi_would_make_up_are_stable(exported):
    def program():
        aws.sqs.Queue("jobs")
        aws.s3.Bucket("data")
        aws.lambda_.Function("work", role="r")
        aws.iam.Role("who", name_prefix="who-", assume_role_policy="{}")

    merged, _, _ = exported(program)
    queue = merged["resource"]["aws_sqs_queue"]["jobs"]["name"]
    assert queue.startswith("jobs-")
    assert len(queue) == len("jobs-") + 7
    assert merged["resource"]["aws_s3_bucket"]["data"]["bucket"].startswith("data-")
    assert merged["resource"]["aws_lambda_function"]["work"]["function_name"].startswith("work-")
    assert "name" not in merged["resource"]["aws_iam_role"]["who"]
    again, _, _ = exported(program)
    assert again == merged


def test_everything_is_the_same_from_run_to_run(exported):
    def program():
        for name in "cab":
            aws.sqs.Queue(name, name=name, tags={"z": "1", "a": "2"})
        pulumi.export("x", Output.secret("s"))

    _, report, out = exported(program)
    before = {name: (out / name).read_bytes() for name in report.files}
    _, again, _ = exported(program)
    assert {name: (out / name).read_bytes() for name in again.files} == before


def test_a_later_export_replaces_the_earlier_and_leaves_the_rest(exported):
    def first():
        aws.lambda_.Function(
            "f", name="f", role="r", code=pulumi.AssetArchive({"a": pulumi.StringAsset("a")})
        )
        pulumi.export("x", Output.secret("s"))

    def second():
        aws.sqs.Queue("q", name="q")

    _, _, out = exported(first)
    (out / "terraform.tfstate").write_text("{}")
    (out / "backend.tf.json").write_text("{}")
    exported(second)
    names = {path.name for path in out.iterdir()}
    assert names == {
        ".gitignore",
        "README.md",
        "backend.tf.json",
        "main.tf.json",
        "terraform.tfstate",
    }


def test_all_faults_at_once_with_their_places():
    def program():
        bucket = aws.s3.Bucket("b", bucket="b", bucket_namespace="global")
        aws.rds.Instance("d", instance_class="db.t3.micro")
        aws.sqs.Queue("q", name=bucket.bucket_region, region="us-west-2")
        aws.ec2.Vpc.get("old", "vpc-1")
        aws.sns.Topic(
            "t", name="t", opts=ResourceOptions(retain_on_delete=True, ignore_changes=["nope"])
        )

    found = faults(program)
    assert ("unknown-type", "") in found
    assert ("unknown-property", "bucketNamespace") in found
    assert ("unknown-property", "region") in found
    assert ("unknown-property", "name") in found
    assert ("unsupported", "read") in found
    assert ("unsupported", "retainOnDelete") in found
    assert ("unknown-property", "ignoreChanges: nope") in found


def test_the_message_names_place_and_remedy():
    def program():
        aws.rds.Instance("d", instance_class="db.t3.micro")

    with pytest.raises(ExportError) as caught:
        export(capture(program, config={}), Path("/nonexistent"))
    assert "aws:rds/instance:Instance::d" in str(caught.value)
    assert "type_table.py" in str(caught.value)


def test_nothing_is_written_when_something_is_wrong(tmp_path):
    def program():
        aws.rds.Instance("d", instance_class="db.t3.micro")

    with pytest.raises(ExportError):
        export(capture(program, config={}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_reviewed_type_is_in_the_shipped_schema():
    schema = aws_schema()
    assert set(RESOURCES.values()) == set(schema.resources)
    assert set(DATA_SOURCES.values()) == set(schema.data)
    assert set(EPHEMERAL.values()) == set(schema.ephemeral)
    known = {**schema.resources, **schema.data}
    for kind, names in RENAMED.items():
        for target in names.values():
            assert target in known[kind].attributes or target in known[kind].blocks


def test_every_reviewed_type_is_one_that_pulumi_has_and_matches_by_name():
    for token, kind in RESOURCES.items():
        assert resource_class(token), token
        module, _, rest = token.removeprefix("aws:").partition("/")
        name = rest.partition(":")[2].lower()
        plain = kind.removeprefix("aws_").replace("_", "")
        spoken = {
            "lbloadbalancer": "lb",
            "s3bucketreplicationconfig": "s3bucketreplicationconfiguration",
            "s3bucketobjectv2": "s3object",
            "sqsredrivepolicy": "sqsqueueredrivepolicy",
            "sqsredriveallowpolicy": "sqsqueueredriveallowpolicy",
            "cloudtrailtrail": "cloudtrail",
        }
        if module == "ec2":
            assert plain in {name, module + name}, token
        else:
            assert plain == spoken.get(module + name, module + name), token


def test_names():
    assert camel("kms_key_id") == "kmsKeyId"
    assert [plural(word) for word in ("rule", "policy", "gateway", "alias", "patch")] == [
        "rules", "policies", "gateways", "alias", "patches",
    ]  # fmt: skip
    assert [singular(word) for word in ("rules", "policies", "patches", "access")] == [
        "rule", "policy", "patch", "access",
    ]  # fmt: skip
