"""CloudTrail is asked little, and an answer that is none holds no alert up."""

import json
from datetime import UTC, datetime, timedelta

from fleetmend.aws.trail import LOOKUPS, Trail
from fleetmend.core.model import Alert
from tests.unit.aws.wire import client, lost, response

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = "i-0123456789abcdef0"
ANA = "arn:aws:iam::123456789012:user/ana"
DOWN = Alert("f", "exhausted", "t", since=NOW - timedelta(minutes=9))


class CloudTrail:
    def __init__(self):
        self.asked = []

    def __call__(self, request):
        self.asked.append(json.loads(request.body))
        event = {"userIdentity": {"arn": ANA}}
        stop = {
            "EventName": "StopInstances",
            "EventTime": (NOW - timedelta(minutes=10)).timestamp(),
            "CloudTrailEvent": json.dumps(event),
        }
        return response(json.dumps({"Events": [stop]}))


def trail(answer):
    made = client("cloudtrail", answer)
    return Trail(lambda service: {"cloudtrail": made}[service], "recovery", clock=lambda: NOW)


def test_an_instance_is_asked_for_by_its_name_in_one_call_and_a_time():
    world = CloudTrail()
    who = trail(world)(ID, DOWN)
    assert who.principals == (ANA,)
    (asked,) = world.asked
    assert asked["LookupAttributes"] == [
        {"AttributeKey": "ResourceName", "AttributeValue": ID},
    ]
    assert asked["StartTime"] == (NOW - timedelta(hours=1, minutes=9)).timestamp()


def test_many_are_asked_for_by_the_call():
    world = CloudTrail()
    who = trail(world)("mass-stop", Alert("f", "mass-stop", "400 stopped", since=NOW))
    assert "StopInstances was called by" in who.says
    (asked,) = world.asked
    assert asked["LookupAttributes"][0] == {
        "AttributeKey": "EventName",
        "AttributeValue": "StopInstances",
    }


def test_good_news_and_what_nobody_did_ask_nothing():
    world = CloudTrail()
    ask = trail(world)
    assert ask(ID, Alert("f", "recovered", "t")) is None
    assert ask(ID, Alert("f", "impaired", "t")) is None
    assert world.asked == []


def test_a_run_asks_a_few_times_and_then_says_so():
    world = CloudTrail()
    ask = trail(world)
    said = [ask(ID, DOWN).says for _ in range(LOOKUPS + 3)]
    assert len(world.asked) == LOOKUPS
    assert all("too many" in text for text in said[LOOKUPS:])


def test_an_answer_that_is_none_is_said_and_not_asked_for_again(monkeypatch):
    calls = []

    def deaf(request):
        calls.append(request)
        return lost(request)

    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    ask = trail(deaf)
    assert ask(ID, DOWN).says.startswith("not known: CloudTrail could not be read (")
    tries = len(calls)
    assert ask(ID, DOWN).says.startswith("not known: CloudTrail could not be read (")
    assert len(calls) == tries


def test_what_was_asked_too_fast_is_said_of_that_alert_alone(monkeypatch):
    world, refused = CloudTrail(), []

    def busy(request):
        if len(refused) < 3:
            refused.append(request)
            return response(json.dumps({"__type": "ThrottlingException"}), 400)
        return world(request)

    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    ask = trail(busy)
    assert ask(ID, DOWN).says == "not known: CloudTrail could not be read (ThrottlingException)"
    assert ask(ID, DOWN).principals == (ANA,)


def test_a_refusal_is_said_in_the_words_of_aws():
    denied = json.dumps({"__type": "AccessDeniedException", "message": "no"})
    ask = trail(lambda _: response(denied, 400))
    assert ask(ID, DOWN).says == "not known: CloudTrail could not be read (AccessDeniedException)"
