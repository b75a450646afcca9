"""The scan: every page to the end, the next one ahead, and no short answer."""

import threading
from collections.abc import Iterator
from urllib.parse import parse_qs

import boto3
import pytest
from benchmarks.inventory import pages as canned
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from fleetmend.aws import inventory
from fleetmend.aws.inventory import scan, scanner
from fleetmend.core.ports import ObservationFailed

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


class Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


class Ec2:
    """Answers at botocore's last hook, and writes down what was asked."""

    def __init__(self, client, bodies: dict[str, list[tuple[int, bytes]]]) -> None:
        self.asked: list[dict[str, str]] = []
        self.gates: dict[str, threading.Event] = {}
        self._bodies = bodies
        client.meta.events.register("before-send.ec2", self._answer)

    def _answer(self, request, **_):
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        sent = {key: value[0] for key, value in parse_qs(body).items()}
        self.asked.append(sent)
        token = sent.get("NextToken", "")
        if token in self.gates:
            assert self.gates[token].wait(5)
        answers = self._bodies[token]
        status, page = answers.pop(0) if len(answers) > 1 else answers[0]
        return AWSResponse(request.url, status, {}, Raw(page))


def fleet(count: int) -> dict[str, list[tuple[int, bytes]]]:
    return {f"page-{n}" if n else "": [(200, page)] for n, page in enumerate(canned.render(count))}


def test_all_pages_are_read_to_the_end():
    client = scanner(REGION, fields={"vpc": ("vpcId",)})
    ec2 = Ec2(client, fleet(2500))
    batches = list(scan(client, "instance"))
    found = [one for batch in batches for one in batch.resources]
    assert [one.id for one in found] == [canned.identity(n) for n in range(2500)]
    assert [dict(one.tags) for one in found] == [canned.tags(n) for n in range(2500)]
    assert {one.fields["vpc"] for one in found} == {"vpc-0123456789abcdef0"}
    assert [batch.token for batch in batches] == ["page-1", "page-2", ""]
    assert len(ec2.asked) == 3  # ceil(N / 1000), and nothing besides
    assert ec2.asked[0]["MaxResults"] == "1000"
    states = [value for key, value in ec2.asked[0].items() if key.startswith("Filter.1.Value")]
    assert states == ["pending", "running", "stopping", "stopped"]


def test_a_scan_goes_on_where_another_one_ended():
    client = scanner(REGION)
    Ec2(client, fleet(2500))
    first = next(iter(scan(client, "instance")))
    rest = [
        one.id for batch in scan(client, "instance", token=first.token) for one in batch.resources
    ]
    assert rest == [canned.identity(n) for n in range(1000, 2500)]


def test_the_next_page_is_fetched_while_this_one_is_judged():
    client = scanner(REGION)
    ec2 = Ec2(client, fleet(3000))
    ec2.gates["page-2"] = threading.Event()
    batches = iter(scan(client, "instance"))
    next(batches)
    for _ in range(100):
        if len(ec2.asked) == 2:
            break
        threading.Event().wait(0.02)
    assert len(ec2.asked) == 2  # nobody has asked for the second batch yet, and no third was sent
    ec2.gates["page-2"].set()
    assert len(list(batches)) == 2


def test_a_page_cut_short_is_an_error_and_not_a_short_answer():
    client = scanner(REGION)
    bodies = fleet(1500)
    bodies["page-1"] = [(200, bodies["page-1"][0][1][:-300])]
    Ec2(client, bodies)
    with pytest.raises(ObservationFailed, match="not whole XML"):
        list(scan(client, "instance"))


def test_a_token_of_something_else_is_not_followed():
    client = scanner(REGION)
    (page,) = canned.render(3)
    other = b"</reservationSet><x><nextToken>page-1</nextToken></x>"
    Ec2(client, {"": [(200, page.replace(b"</reservationSet>", other))], "page-1": [(200, page)]})
    assert [batch.token for batch in scan(client, "instance")] == [""]


def test_a_page_whose_end_contradicts_its_tree_is_an_error():
    client = scanner(REGION)
    (page,) = canned.render(3)
    twice = (
        b"</reservationSet><nextToken>page-1</nextToken><reservationSet></reservationSet>"
        b"<nextToken>page-2</nextToken>"
    )
    odd = page.replace(b"</reservationSet>", twice)
    Ec2(client, {"": [(200, odd)], "page-1": [(200, page)], "page-2": [(200, page)]})
    with pytest.raises(ObservationFailed, match="token is not where it is expected"):
        list(scan(client, "instance"))


def test_what_ec2_throttles_is_asked_for_again():
    client = scanner(REGION)
    busy = (
        b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow down"
        b"</Message></Error></Errors><RequestID>r</RequestID></Response>"
    )
    bodies = fleet(1200)
    bodies["page-1"].insert(0, (503, busy))
    ec2 = Ec2(client, bodies)
    assert sum(len(batch.resources) for batch in scan(client, "instance")) == 1200
    assert len(ec2.asked) == 3


def test_a_refusal_names_the_call():
    client = scanner(REGION)
    refused = (
        b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no"
        b"</Message></Error></Errors><RequestID>r</RequestID></Response>"
    )
    Ec2(client, {"": [(403, refused)]})
    with pytest.raises(
        ObservationFailed, match="ec2:DescribeInstances failed: Unauthorized"
    ) as told:
        list(scan(client, "instance"))
    assert "let the role do this" in told.value.remedy


def test_leaving_early_asks_for_no_more_than_one_page():
    client = scanner(REGION)
    ec2 = Ec2(client, fleet(5000))
    batches = scan(client, "instance")
    next(batches)
    batches.close()
    assert len(ec2.asked) <= 2


def test_the_other_kinds_are_scanned_too():
    with mock_aws():
        ec2 = boto3.client("ec2", REGION)
        tags = [{"Key": "Owner", "Value": "web"}]

        def tagged(kind):
            return [{"ResourceType": kind, "Tags": tags}]

        volume = ec2.create_volume(
            AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=tagged("volume")
        )["VolumeId"]
        snapshot = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot"))
        instance = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
        image = ec2.create_image(InstanceId=instance["InstanceId"], Name="golden")["ImageId"]
        gone = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
        ec2.terminate_instances(InstanceIds=[gone["InstanceId"]])
        client = scanner(REGION)
        found = {
            kind: {
                one.id: dict(one.tags) for batch in scan(client, kind) for one in batch.resources
            }
            for kind in inventory.KINDS
        }
    assert found["volume"][volume] == {"Owner": "web"}
    assert found["snapshot"][snapshot["SnapshotId"]] == {"Owner": "web"}
    assert found["image"][image] == {}
    assert list(found["instance"]) == [instance["InstanceId"]]
    assert found["interface"]
