"""One message for each alert: a mail for e-mail, one JSON object for everybody else."""

import json
import logging
from urllib.parse import parse_qs

import pytest

from fleetmend.aws.alerts import LoggedAlerts, SnsAlerts
from fleetmend.core.model import Alert
from fleetmend.core.ports import DeliveryFailed
from tests.unit.aws.wire import client, lost, response

TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
ALERT = Alert("recovery/i-1/x/recovered", "recovered", "i-1 runs again")


pytestmark = pytest.mark.usefixtures("no_waiting")


def topic(answer):
    return SnsAlerts(client("sns", answer), TOPIC, concern="recovery", project="fm", suffix="dev")


def _text(body):
    return body.decode() if isinstance(body, bytes) else body


def texts(sent):
    """What each protocol is handed."""
    return json.loads(sent["Message"])


class Sns:
    def __init__(self, deaf=()):
        self.published, self.deaf = [], deaf

    def __call__(self, request):
        body = {key: value[0] for key, value in parse_qs(_text(request.body)).items()}
        if json.loads(texts(body)["default"])["fact"] in self.deaf:
            return lost(request)
        self.published.append(body)
        number = len(self.published)
        return response(
            f"<PublishResponse><PublishResult><MessageId>m-{number}</MessageId></PublishResult>"
            "</PublishResponse>"
        )


def test_an_alert_is_one_message_with_a_mail_an_object_and_attributes_to_filter_by():
    sns = Sns()
    assert topic(sns).deliver("i-1", [ALERT]) == {ALERT.fact: "m-1"}
    sent = sns.published[0]
    assert (sent["TopicArn"], sent["MessageStructure"]) == (TOPIC, "json")
    assert sent["Subject"] == "[fm-dev] i-1 runs again"
    assert sorted(texts(sent)) == ["default", "email"]
    told = json.loads(texts(sent)["default"])
    assert (told["installation"], told["account"], told["region"]) == (
        "fm-dev",
        "123456789012",
        "us-east-1",
    )
    assert texts(sent)["email"].startswith("i-1 runs again\n")
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


@pytest.mark.parametrize("character", ["\x00", "\U0001f525", '"', "\\", "é"])
def test_the_longest_alert_fits_the_message_of_sns(character):
    sns = Sns()
    long = Alert(
        "f", "digest", character * 500_000, why=character * 500_000, ends=("g" * 255,) * 5_000
    )
    topic(sns).deliver("g" * 255, [long])
    assert len(sns.published[0]["Message"].encode()) < 256 * 1024


def test_in_observe_mode_alerts_stand_in_the_log(caplog):
    with caplog.at_level(logging.INFO):
        assert LoggedAlerts().deliver("i-1", [ALERT]) == {ALERT.fact: "log"}
    assert "i-1 runs again" in caplog.text
