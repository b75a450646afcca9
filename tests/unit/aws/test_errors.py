"""Every code has one meaning, and every failure its remedy."""

import pytest
from botocore import exceptions as sdk

from fleetmend.aws.errors import Cause, classify, failed
from fleetmend.core.model import Result
from fleetmend.core.ports import LedgerUnavailable


def said(code, status=400, message="m"):
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return sdk.ClientError(answer, "StartInstances")


URL = {"endpoint_url": "http://x"}


@pytest.mark.parametrize(
    ("error", "result", "cause"),
    [
        (said("InsufficientInstanceCapacity", 500), Result.CAPACITY, Cause.PLACE),
        (said("InsufficientHostCapacity", 500), Result.CAPACITY, Cause.PLACE),
        (said("InsufficientReservedInstanceCapacity", 500), Result.CAPACITY, Cause.PLACE),
        (said("VcpuLimitExceeded"), Result.CAPACITY, Cause.PLACE),
        (said("InstanceLimitExceeded"), Result.CAPACITY, Cause.PLACE),
        (said("Unsupported"), Result.REFUSED, Cause.PLACE),
        (said("RequestLimitExceeded", 503), Result.THROTTLED, Cause.CALL),
        (said("InternalError", 500), Result.THROTTLED, Cause.CALL),
        (said("Unavailable", 503), Result.THROTTLED, Cause.CALL),
        (said("IncorrectInstanceState"), Result.CONFLICT, Cause.SUBJECT),
        (said("InvalidInstanceID.NotFound"), Result.GONE, Cause.SUBJECT),
        (said("InvalidInstanceID.Malformed"), Result.GONE, Cause.SUBJECT),
        (said("UnauthorizedOperation", 403), Result.REFUSED, Cause.SUBJECT),
        (said("OperationNotPermitted"), Result.REFUSED, Cause.SUBJECT),
        (said("AuthFailure", 401), Result.REFUSED, Cause.CALL),
        (said("OptInRequired"), Result.REFUSED, Cause.CALL),
        (said("502", 502), Result.UNKNOWN, Cause.CALL),
        (sdk.ClientError({}, "StartInstances"), Result.REFUSED, Cause.SUBJECT),
        (sdk.ReadTimeoutError(**URL), Result.UNKNOWN, Cause.CALL),
        (sdk.ConnectionClosedError(**URL), Result.UNKNOWN, Cause.CALL),
        (sdk.EndpointConnectionError(**URL), Result.THROTTLED, Cause.CALL),
        (sdk.ConnectTimeoutError(**URL), Result.THROTTLED, Cause.CALL),
        (sdk.NoCredentialsError(), Result.THROTTLED, Cause.CALL),
    ],
)
def test_an_error_says_what_became_of_the_subjects_and_where_its_cause_lies(error, result, cause):
    failure = classify(error)
    assert (failure.outcome.result, failure.cause) == (result, cause)
    assert failure.outcome.code


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (said("AccessDenied", 403), "let the role"),
        (said("ExpiredToken"), "credentials"),
        (said("SlowDown", 503), "unless it lasts"),
        (said("InternalError", 500), "Health Dashboard"),
        (said("NoSuchBucket", 404), "documentation"),
        (sdk.NoCredentialsError(), "credentials"),
        (sdk.NoRegionError(), "AWS_REGION"),
        (sdk.ReadTimeoutError(**URL), "network"),
    ],
)
def test_a_failure_names_what_was_tried_and_a_remedy(error, remedy):
    problem = failed(LedgerUnavailable, "reading k", error)
    assert str(problem).startswith("reading k failed: ")
    assert remedy in problem.remedy


def test_a_long_message_is_shortened_for_the_record_and_whole_for_the_splitting():
    failure = classify(said("UnauthorizedOperation", 403, "x" * 5000))
    assert len(failure.outcome.message) == 500
    assert len(failure.text) == 5000
