"""CloudTrail's event history: what is in it, who may be told of what, and when."""

import json
from datetime import UTC, datetime, timedelta

import botocore.loaders
import pytest
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core import witness
from fleetmend.lab.sim import render
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.trail import ATTRIBUTES, CALLS, KEPT, LATE, PAGE, Caller, EventHistory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNT = "123456789012"
ONE, OTHER = "i-0123456789abcdef0", "i-0123456789abcdef1"
ANA, BOT = Caller.of("ana"), Caller.of("deploy/run-7")
SERVICE = Caller.of("autoscaling.amazonaws.com")
LOOKUP = ServiceModel(
    botocore.loaders.Loader().load_service_model("cloudtrail", "service-2")
).operation_model("LookupEvents")


class Account:
    """A history whose clock a test moves."""

    def __init__(self):
        self.now = NOW
        self.history = EventHistory(ACCOUNT, "us-east-1", lambda: self.now)

    def ask(self, key="", value="", **more):
        """One lookup, in a second of its own."""
        self.now += timedelta(seconds=1)
        wanted = [{"AttributeKey": key, "AttributeValue": value}] if key else []
        return self.history.handle("LookupEvents", {"LookupAttributes": wanted, **more})

    def names(self, key="", value="", **more):
        return [event["EventName"] for event in self.ask(key, value, **more)["Events"]]


@pytest.fixture
def account():
    return Account()


def noted(account, *, age=timedelta(hours=1)):
    """One of each call that is noted, by three callers, one of them refused."""
    tags = {"Owner": "web"}
    for number, call in enumerate(sorted(CALLS)):
        by = (ANA, BOT, SERVICE)[number % 3]
        error = "UnauthorizedOperation" if call == "StartInstances" else ""
        made = [{"instanceId": ONE}] if call == "RunInstances" else ()
        account.history.note(call, by, [ONE], tags=tags, made=made, error=error, ago=age)


def test_an_answer_is_one_of_botocores_model(account):
    """What the model does not know cannot be rendered; its own parser reads back all the rest."""
    noted(account)
    answer = account.ask()
    body = render.answer("LookupEvents", "json", LOOKUP.output_shape, answer)
    parsed = create_parser("json").parse(
        {"status_code": 200, "headers": {}, "body": body}, LOOKUP.output_shape
    )
    assert [{**one, "EventTime": one["EventTime"].astimezone(UTC)} for one in parsed["Events"]] == (
        answer["Events"]
    )
    assert len(answer["Events"]) == len(CALLS)
    model = LOOKUP.input_shape.members["LookupAttributes"].member.members["AttributeKey"]
    assert frozenset(model.enum) == ATTRIBUTES


REQUIRED = {
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion",
    "sourceIPAddress", "userAgent", "requestParameters", "responseElements", "requestID",
    "eventID", "readOnly", "eventType", "managementEvent", "recipientAccountId", "eventCategory",
}  # fmt: skip
"""What the record of a management event has (CloudTrail User Guide, "record contents")."""


def test_a_record_is_as_the_user_guide_says(account):
    noted(account)
    for event in account.ask()["Events"]:
        record = json.loads(event["CloudTrailEvent"])
        refused = {"errorCode", "errorMessage"} if "errorCode" in record else set()
        assert record.keys() == REQUIRED | refused
        assert record["eventID"] == event["EventId"]
        assert record["eventName"] == event["EventName"]
        assert record["eventTime"] == event["EventTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
        assert event.get("AccessKeyId") == record["userIdentity"].get("accessKeyId")
        assert (record["responseElements"] is None) == bool(refused)
    (start,) = account.ask("EventName", "StartInstances")["Events"]
    assert json.loads(start["CloudTrailEvent"])["errorCode"] == "Client.UnauthorizedOperation"


def test_each_kind_of_caller_has_its_own_identity():
    user, role, service = (one.identity(ACCOUNT, NOW) for one in (ANA, BOT, SERVICE))
    assert (user["type"], user["arn"]) == ("IAMUser", f"arn:aws:iam::{ACCOUNT}:user/ana")
    assert role["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/run-7"
    issuer = role["sessionContext"]["sessionIssuer"]
    assert (role["type"], issuer["arn"]) == ("AssumedRole", f"arn:aws:iam::{ACCOUNT}:role/deploy")
    assert role["principalId"] == f"{issuer['principalId']}:run-7"
    assert service == {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}
    assert [one.username for one in (ANA, BOT, SERVICE)] == ["ana", "run-7", ""]


@pytest.mark.parametrize(
    ("by", "named"),
    [
        (ANA, f"arn:aws:iam::{ACCOUNT}:user/ana"),
        (BOT, f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/run-7"),
        (SERVICE, "autoscaling.amazonaws.com"),
    ],
)
def test_the_product_reads_whose_call_it_was(account, by, named):
    account.history.note("StopInstances", by, [ONE, OTHER], ago=LATE)
    events = account.ask("ResourceName", ONE)["Events"]
    assert witness.of_one(ONE, "StopInstances", events).principals == (named,)
    many = account.ask("EventName", "StopInstances")["Events"]
    assert f"{named} (2 instances)" in witness.of_many("StopInstances", many, more=False).says


def test_a_call_is_shown_when_it_is_late_enough_and_for_90_days(account):
    account.history.note("StopInstances", ANA, [ONE])
    account.now += LATE - timedelta(seconds=2)
    assert account.names() == []
    assert account.names() == ["StopInstances"]
    account.history.late = timedelta(hours=1)
    assert account.names() == []
    account.now = NOW + KEPT
    assert account.names() == []


@given(
    made=st.lists(st.integers(0, 3 * PAGE), max_size=3 * PAGE),
    size=st.integers(1, PAGE),
)
def test_pages_give_each_event_once_and_the_newest_first(made, size):
    account = Account()
    for minutes in made:
        account.history.note("StopInstances", ANA, [ONE], ago=timedelta(hours=1, minutes=minutes))
    start = NOW - timedelta(days=1)
    found, token = [], {}
    for _ in range(len(made) + 1):
        page = account.ask("ResourceName", ONE, StartTime=start, MaxResults=size, **token)
        found += page["Events"]
        if "NextToken" not in page:
            break
        assert len(page["Events"]) == size
        token = {"NextToken": page["NextToken"]}
        account.history.note("StopInstances", ANA, [OTHER])
    times = [event["EventTime"] for event in found]
    assert times == sorted(times, reverse=True)
    assert len({event["EventId"] for event in found}) == len(found) == len(made)


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("ResourceName", ONE, len(CALLS)),
        ("ResourceName", OTHER, 0),
        ("ResourceType", "AWS::EC2::Instance", len(CALLS)),
        ("EventName", "StopInstances", 1),
        ("EventSource", "ec2.amazonaws.com", len(CALLS)),
        ("ReadOnly", "true", 0),
        ("Username", "ana", 3),
        ("AccessKeyId", BOT.access_key, 3),
    ],
)
def test_one_attribute_chooses(account, key, value, found):
    noted(account)
    assert len(account.names(key, value)) == found


def test_the_span_is_of_times_of_calls(account):
    noted(account)
    hour = {"StartTime": NOW - timedelta(hours=2), "EndTime": NOW - timedelta(minutes=50)}
    assert len(account.names(**hour)) == len(CALLS)
    assert account.names(StartTime=NOW - timedelta(minutes=50)) == []
    assert account.names(EndTime=NOW - timedelta(hours=2)) == []


TWO = [{"AttributeKey": "EventName", "AttributeValue": one} for one in ("a", "b")]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LookupAttributes": TWO}, "InvalidLookupAttributesException"),
        (
            {"LookupAttributes": [{"AttributeKey": "Colour", "AttributeValue": "red"}]},
            "InvalidLookupAttributesException",
        ),
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"MaxResults": 0}, "InvalidMaxResultsException"),
        ({"StartTime": NOW, "EndTime": NOW - timedelta(1)}, "InvalidTimeRangeException"),
        ({"NextToken": "mine"}, "InvalidNextTokenException"),
    ],
)
def test_what_cannot_be_is_refused(account, params, code):
    noted(account)
    with pytest.raises(AwsError) as refused:
        account.history.handle("LookupEvents", params)
    assert refused.value.code == code


def test_a_token_is_good_for_its_own_question_only(account):
    noted(account)
    token = account.ask(MaxResults=2)["NextToken"]
    assert account.ask(MaxResults=2, NextToken=token)["Events"]
    with pytest.raises(AwsError, match="InvalidNextTokenException"):
        account.ask(MaxResults=3, NextToken=token)


def test_two_questions_a_second_are_answered(account):
    def ask():
        return account.history.handle("LookupEvents", {})

    ask(), ask()
    with pytest.raises(AwsError, match="ThrottlingException"):
        ask()
    account.now += timedelta(seconds=1)
    assert ask() == {"Events": []}
