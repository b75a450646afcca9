"""The SDK is set in one place, and the longest call is what its settings add up to."""

from datetime import timedelta

import boto3
import pytest
from botocore import endpoint
from botocore.retries import standard

from fleetmend.aws import clients
from fleetmend.aws.reports import S3Reports
from fleetmend.core import fields
from fleetmend.core.model import RecoveryPolicy
from fleetmend.core.ports import PortError
from tests.unit.aws.wire import SESSION, client, lost, response


def test_the_default_intent_outlives_a_run_and_its_last_call():
    assert RecoveryPolicy().intent_lifetime >= clients.SHORTEST_LEASE
    assert fields.LEASE.least == clients.SHORTEST_LEASE.total_seconds()
    assert timedelta(seconds=24) == clients.LONGEST_CALL


@pytest.mark.parametrize("service", ["ec2", "s3", "sqs", "sns", "ssm"])
def test_no_call_takes_longer_than_its_clients_patience_says(service, monkeypatch):
    """Every try times out and every back-off is the longest: measured against the sum."""
    slept = []
    monkeypatch.setattr(endpoint.time, "sleep", slept.append)
    made = clients.client(service, boto3.session.Session(**SESSION))
    tries = []
    made.meta.events.register_first(
        "before-send", lambda request, **_: tries.append(request) or lost(request)
    )
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", _longest)
    call = {
        "ec2": lambda: made.start_instances(InstanceIds=["i-1"]),
        "s3": lambda: made.get_object(Bucket="b", Key="k"),
        "sqs": lambda: made.send_message(QueueUrl="http://q/1/q", MessageBody="m"),
        "sns": lambda: made.publish(Message="m", TopicArn="arn:aws:sns:us-east-1:123456789012:t"),
        "ssm": lambda: made.get_parameters(Names=["n"]),
    }[service]
    with pytest.raises(Exception, match="timeout"):
        call()
    config = made.meta.config
    took = len(tries) * (config.connect_timeout + config.read_timeout) + sum(slept)
    patience = clients.ACTING if service == "ec2" else clients.ORDINARY
    assert len(tries) == patience.attempts
    assert timedelta(seconds=took) <= patience.longest


def _longest(self, context):
    """botocore's own formula with the worst draw, and AWS asking for more time than it gets."""
    drawn = min(self._base ** (context.attempt_number - 1), self._max_backoff)
    return drawn + self._RETRY_AFTER_MAX_ADDITIONAL


def test_a_report_is_written_where_its_reader_looks_and_nowhere_else():
    asked = []
    made = client("s3", lambda request: asked.append(request) or response("", 200))
    reports = S3Reports(made, "b", "recovery")
    reports.write("run-1", {"schema": 1})
    assert asked[0].url.endswith("/runs/recovery/run-1.json")
    for name in ("../x", "", "a/b"):
        with pytest.raises(ValueError, match="run"):
            reports.write(name, {})
    assert len(asked) == 1


def test_a_report_that_is_not_taken_is_an_error():
    denied = response("<Error><Code>AccessDenied</Code></Error>", 403)
    with pytest.raises(PortError, match="AccessDenied"):
        S3Reports(client("s3", lambda _: denied), "b", "recovery").write("r", {})
