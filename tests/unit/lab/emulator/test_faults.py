"""Which call a disturbance strikes, and what it is answered."""

import time

import botocore.loaders
import botocore.model
import botocore.parsers
import pytest

from fleetmend.lab.emulator.calls import LAB, WireCall
from fleetmend.lab.emulator.faults import Disturbance, FaultBook, error_body, error_of

A, B = "i-0aaaaaaaaaaaaaaa0", "i-0bbbbbbbbbbbbbbb0"


def call(*subjects: str, operation: str = "StartInstances", caller: str = "f") -> WireCall:
    return WireCall(0.0, "ec2", operation, caller=caller, subjects=subjects)


def test_only_calls_that_fit_are_struck_and_only_so_often() -> None:
    book = FaultBook()
    book.add(Disturbance("error", "ec2", "StartInstances", (A,), times=2, code="X"))
    assert book.strike(call(B)) is None
    assert book.strike(call(A, operation="DescribeInstances")) is None
    assert [book.strike(call(A, B)) is not None for _ in range(3)] == [True, True, False]


def test_the_labs_own_calls_are_spared() -> None:
    book = FaultBook()
    book.add(Disturbance("error", times=1, code="X"))
    assert book.strike(call(A, caller=LAB)) is None
    assert book.strike(call(A)) is not None


def test_it_ends_in_time() -> None:
    book = FaultBook()
    book.add(Disturbance("throttle", until=time.time() - 1))
    assert book.strike(call(A)) is None


def test_the_third_call() -> None:
    book = FaultBook()
    book.add(Disturbance("crash-before", times=1, skip=2))
    assert [book.strike(call(A)) is not None for _ in range(4)] == [False, False, True, False]


def test_calm_ends_all() -> None:
    book = FaultBook()
    book.add(Disturbance("slow", times=9, seconds=1.0))
    book.clear()
    assert book.strike(call(A)) is None


def test_a_disturbance_survives_json() -> None:
    given = Disturbance("lost", "s3", "PutObject", (A,), times=1, skip=2)
    assert Disturbance.from_json(given.as_json()) == given


def test_each_service_throttles_in_its_own_words() -> None:
    throttle = Disturbance("throttle")
    assert error_of(throttle, "ec2") == ("RequestLimitExceeded", 503)
    assert error_of(throttle, "s3") == ("SlowDown", 503)
    assert error_of(throttle, "ssm") == ("ThrottlingException", 400)


def test_a_broken_connection_is_no_error_code() -> None:
    assert Disturbance("error", code="connection").breaks
    assert not Disturbance("error", code="InternalError").breaks
    assert not Disturbance("lost", code="connection").breaks


@pytest.mark.parametrize(
    ("service", "model", "protocol"),
    [
        ("ec2", "ec2", "ec2"),
        ("s3", "s3", "rest-xml"),
        ("sns", "sns", "query"),
        ("autoscaling", "autoscaling", "query"),
        ("ssm", "ssm", "json"),
        ("sqs", "sqs", "json"),
        ("lambda", "lambda", "rest-json"),
    ],
)
def test_botocore_reads_every_error(service: str, model: str, protocol: str) -> None:
    body, headers = error_body(service, "SomeCode", 'with <tags> & "quotes"')
    described = botocore.loaders.Loader().load_service_model(model, "service-2")
    shape = botocore.model.ServiceModel(described).operation_model(
        next(iter(described["operations"]))
    )
    parser = botocore.parsers.create_parser(protocol)
    answer = {"status_code": 400, "headers": headers, "body": body, "context": {}}
    error = parser.parse(answer, shape.output_shape)["Error"]
    assert error["Code"] == "SomeCode"
    assert error["Message"] == 'with <tags> & "quotes"'
