"""Reading requests as they stand on the wire."""

import pytest

from fleetmend.lab.emulator.calls import Tape, WireCall, read

ID = "i-0123456789abcdef0"


def signed(service: str, **more: str) -> dict[str, str]:
    scope = f"Credential=123456789012/20260101/us-east-1/{service}/aws4_request, Signature=x"
    agent = "Boto3/1 exec-env/AWS_Lambda_python3.4711 app/fleetmend-recovery-dev fleetmend"
    return {"authorization": f"AWS4-HMAC-SHA256 {scope}", "user-agent": agent, **more}


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("PUT", f"/b/records/recovery/{ID}.json", "", "PutObject"),
        ("GET", "/b/k", "", "GetObject"),
        ("HEAD", "/b/k", "", "HeadObject"),
        ("GET", "/b", "list-type=2&prefix=open%2F", "ListObjectsV2"),
        ("GET", "/b", "versions", "ListObjectVersions"),
        ("PUT", "/b/k", "partNumber=1&uploadId=2", "UploadPart"),
        ("DELETE", "/b/open/recovery/x", "", "DeleteObject"),
        ("PUT", "/b", "versioning=", "PutBucketVersioning"),
        ("PUT", "/b", "", "CreateBucket"),
    ],
)
def test_s3_operations_are_told_apart(method: str, path: str, query: str, operation: str) -> None:
    call = read(method, path, query, signed("s3"), b"")
    assert (call.service, call.operation) == ("s3", operation)


def test_a_copy_is_no_put() -> None:
    headers = signed("s3", **{"x-amz-copy-source": "b/k"})
    assert read("PUT", "/b/aside/k", "", headers, b"").operation == "CopyObject"


def test_lambda_and_scheduler() -> None:
    path = "/2015-03-31/functions/f%3Alive/invocations"
    assert read("POST", path, "", signed("lambda"), b"{}").operation == "Invoke"
    assert read("GET", "/schedules/a", "", signed("scheduler"), b"").operation == "GetSchedule"


def test_a_form_tells_operation_ids_and_caller() -> None:
    form = f"Action=StartInstances&InstanceId.1={ID}&InstanceId.2=i-0fedcba9876543210".encode()
    headers = signed("ec2", **{"content-type": "application/x-www-form-urlencoded"})
    call = read("POST", "/", "", headers, form)
    assert call.operation == "StartInstances"
    assert call.subjects == (ID, "i-0fedcba9876543210")
    assert call.caller == "fleetmend-recovery-dev"
    assert call.process == 4711
    assert call.region == "us-east-1"


def test_a_json_target() -> None:
    headers = signed("ssm", **{"x-amz-target": "AmazonSSM.GetParameters"})
    call = read("POST", "/", "", headers, b'{"Names": ["/a/b", "/a/c"]}')
    assert (call.operation, call.resource) == ("GetParameters", "/a/b,/a/c")


def test_what_cannot_be_read_is_no_error() -> None:
    headers = signed("ssm", **{"x-amz-target": "AmazonSSM.GetParameters"})
    assert read("POST", "/", "", headers, b"\xff{").parameters == {}
    assert read("GET", "/", "", {}, b"").operation == ""


def test_a_record_names_its_subject_by_key() -> None:
    call = read("PUT", f"/b/records/recovery/{ID}.json", "", signed("s3"), b"{}")
    assert call.subjects == (ID,)
    assert call.resource == f"b/records/recovery/{ID}.json"


def test_a_call_survives_json() -> None:
    call = WireCall(1.0, "ec2", "StartInstances", subjects=(ID,)).answered(200, lost=True)
    assert WireCall.from_json(call.as_json()) == call


def test_a_tape_is_read_from_where_one_left_off() -> None:
    tape = Tape()
    tape.add(WireCall(1.0, "s3", "GetObject"))
    tape.add(WireCall(2.0, "s3", "PutObject"))
    assert [call.operation for call in tape.since(1)] == ["PutObject"]
