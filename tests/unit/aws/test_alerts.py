"""One message for each alert; its body is a contract with machines."""

import json
import logging
from urllib.parse import parse_qs

import pytest
from botocore import endpoint

from fleetmend.aws.alerts import LoggedAlerts, SnsAlerts
from fleetmend.core.model import Alert
from fleetmend.core.ports import DeliveryFailed
from tests.unit.aws.wire import client, lost, response

TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
ALERT = Alert("recovery/i-1/x/recovered", "recovered", "i-1 runs again")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(endpoint.time, "sleep", lambda _: None)


def topic(answer):
    return SnsAlerts(client("sns", answer), TOPIC, concern="recovery", installation="fm-dev")


def _text(body):
    return body.decode() if isinstance(body, bytes) else body


class Sns:
    def __init__(self, deaf=()):
        self.published, self.deaf = [], deaf

    def __call__(self, request):
        body = {key: value[0] for key, value in parse_qs(_text(request.body)).items()}
        if json.loads(body["Message"])["fact"] in self.deaf:
            return lost(request)
        self.published.append(body)
        number = len(self.published)
        return response(
            f"<PublishResponse><PublishResult><MessageId>m-{number}</MessageId></PublishResult>"
            "</PublishResponse>"
        )


def test_an_alert_is_one_message_with_a_stable_body_and_attributes_to_filter_by():
    sns = Sns()
    assert topic(sns).deliver("i-1", [ALERT]) == {ALERT.fact: "m-1"}
    sent = sns.published[0]
    assert sent["TopicArn"] == TOPIC
    assert sent["Subject"] == "[fm-dev] recovered: i-1"
    assert json.loads(sent["Message"]) == {
        "schema": 1,
        "source": "fleetmend",
        "installation": "fm-dev",
        "concern": "recovery",
        "kind": "recovered",
        "subject": "i-1",
        "fact": ALERT.fact,
        "text": ALERT.text,
    }
    attributes = {
        sent[f"MessageAttributes.entry.{n}.Name"]: sent[
            f"MessageAttributes.entry.{n}.Value.StringValue"
        ]
        for n in (1, 2, 3)
    }
    assert attributes == {"concern": "recovery", "kind": "recovered", "subject": "i-1"}


def test_one_that_fails_is_left_out_and_logged_and_the_others_are_sent(caplog):
    other = Alert("other", "exhausted", "t")
    sns = Sns(deaf={ALERT.fact})
    with caplog.at_level(logging.ERROR):
        assert topic(sns).deliver("i-1", [ALERT, other]) == {"other": "m-1"}
    assert "stays owed" in caplog.text


def test_publishing_directly_tells_its_failure():
    with pytest.raises(DeliveryFailed):
        topic(lost).publish("i-1", ALERT)


def test_a_subject_line_is_what_sns_takes_and_a_text_fits_the_message():
    sns = Sns()
    topic(sns).deliver("i-1", [Alert("f", "é\n" + "k" * 200, "\x00" * 500_000)])
    line = sns.published[0]["Subject"]
    assert len(line) == 100
    assert line.startswith("[fm-dev] ??kkk")
    assert len(sns.published[0]["Message"].encode()) < 256 * 1024


def test_in_observe_mode_alerts_stand_in_the_log(caplog):
    with caplog.at_level(logging.INFO):
        assert LoggedAlerts().deliver("i-1", [ALERT]) == {ALERT.fact: "log"}
    assert "i-1 runs again" in caplog.text
