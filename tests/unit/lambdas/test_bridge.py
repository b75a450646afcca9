"""The bridge tells webhooks what SNS says, in their words, and shows nobody their addresses."""

import json
import logging
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core.ports import PortError
from fleetmend.lambdas import bridge, envelope, webhooks
from fleetmend.lambdas.bridge import Answer, BridgeFailed, World, _serve
from fleetmend.lambdas.webhooks import NoticeUnreadable, parse_webhooks, read_notice, request

SLACK = "https://hooks.slack.example/services/T000/B000/slackslackslack"
KEY = "0123456789abcdef0123456789abcdef"
CONTEXT = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 60_000)


def alert(kind="exhausted", **more):
    body = {
        "schema": 1,
        "source": "fleetmend",
        "installation": "fleetmend-dev",
        "concern": "recovery",
        "subject": "i-0abc1234",
        "kind": kind,
        "fact": "recovery/i-0abc1234/x/exhausted",
        "text": "i-0abc1234 stays down <because> A & B",
    }
    return sns(json.dumps(body | more), Subject=f"[fleetmend-dev] {kind}: i-0abc1234")


def alarm(state):
    body = {
        "AlarmName": "fleetmend-recovery-errors-dev",
        "AlarmDescription": "A run failed.",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:x",
        "NewStateValue": state,
        "NewStateReason": "Threshold crossed",
        "Region": "US East (N. Virginia)",
    }
    return sns(json.dumps(body), Subject=f"{state}: x")


def sns(message, **more):
    return {"EventSource": "aws:sns", "Sns": {"Message": message, "MessageId": "m-1", **more}}


@pytest.fixture(autouse=True)
def namespace(monkeypatch):
    """What Lambda's environment says; it is read when the module is imported."""
    monkeypatch.setattr(envelope._metrics.provider, "namespace", "Fleetmend/test")
    monkeypatch.setattr(envelope._metrics.provider, "service", "bridge")


class Ssm:
    def __init__(self, value):
        self.value = value

    def get_parameter(self, *, Name, WithDecryption):  # noqa: N803
        assert (Name, WithDecryption) == ("/fleetmend/dev/alerts/webhooks", True)
        if isinstance(self.value, Exception):
            raise self.value
        return {"Parameter": {"Value": self.value}}


class Sns:
    def get_topic_attributes(self, *, TopicArn):  # noqa: N803
        assert TopicArn == "arn:topic"
        return {"Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "2"}}


def world(answers, hooks=(SLACK,), slept=None, posted=None):
    """A world whose webhooks answer one after the other, and the requests they got."""
    queue, posted = iter(answers), posted if posted is not None else []

    def post(what):
        posted.append(what)
        return next(queue)

    ssm = Ssm(hooks if isinstance(hooks, (str, Exception)) else json.dumps(hooks))
    return World(
        client=lambda service: {"ssm": ssm, "sns": Sns()}[service],
        post=post,
        sleep=(slept if slept is not None else []).append,
        environ={
            "FLEETMEND_WEBHOOKS_NAME": "/fleetmend/dev/alerts/webhooks",
            "FLEETMEND_TOPIC_ARN": "arn:topic",
        },
    )


def test_an_alert_reaches_every_webhook_in_its_own_words():
    posted = []
    told = _serve(
        {"Records": [alert()]},
        CONTEXT,
        world([Answer(200), Answer(202)], [SLACK, f"pagerduty:{KEY}"], posted=posted),
    )
    assert told == {"WebhooksDelivered": 2, "WebhooksFailed": 0}
    by_url = {what.url: json.loads(what.body) for what in posted}
    assert by_url[SLACK] == {
        "text": "[fleetmend-dev] exhausted: i-0abc1234\n"
        "i-0abc1234 stays down &lt;because&gt; A &amp; B"
    }
    event = by_url["https://events.pagerduty.com/v2/enqueue"]
    assert event["routing_key"] == KEY
    assert event["event_action"] == "trigger"
    assert event["dedup_key"] == "fleetmend-dev/recovery/i-0abc1234"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["summary"] == "[fleetmend-dev] exhausted: i-0abc1234"


@pytest.mark.parametrize(
    ("trouble", "over"), [(alert("exhausted"), alert("recovered")), (alarm("ALARM"), alarm("OK"))]
)
def test_the_all_clear_resolves_what_the_trouble_triggered(trouble, over):
    hook = parse_webhooks(json.dumps([f"pagerduty:{KEY}"]))[0]
    first, last = (json.loads(request(hook, read_notice(each)).body) for each in (trouble, over))
    assert (first["event_action"], last["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == last["dedup_key"]


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
def test_what_may_pass_is_tried_again(status):
    slept = []
    told = _serve(
        {"Records": [alert()]}, CONTEXT, world([Answer(status), Answer(200)], slept=slept)
    )
    assert told["WebhooksDelivered"] == 1
    assert slept == [1.0]


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
def test_what_cannot_pass_is_not_tried_again(status):
    posted = []
    with pytest.raises(BridgeFailed, match="1 deliveries failed"):
        _serve({"Records": [alert()]}, CONTEXT, world([Answer(status)], posted=posted))
    assert len(posted) == 1


def test_a_receiver_that_asks_for_time_is_given_it_within_reason():
    slept = []
    answers = [Answer(429, wait=4.0), Answer(429, wait=3600.0), Answer(200)]
    _serve({"Records": [alert()]}, CONTEXT, world(answers, slept=slept))
    assert slept == [4.0, 10.0]


def test_one_webhook_that_fails_holds_back_no_other_and_fails_the_run():
    posted = []
    other = "https://other.example/hook"

    def post(what):
        posted.append(what.url)
        return Answer(200 if what.url == other else 404)

    two = world([], [SLACK, other])
    both = World(two.client, post, two.sleep, two.environ)
    with pytest.raises(BridgeFailed):
        _serve({"Records": [alert()]}, CONTEXT, both)
    assert sorted(posted) == sorted([SLACK, other])


def test_no_secret_is_shown_when_everything_goes_wrong(caplog, capsys):
    caplog.set_level(logging.DEBUG)
    hooks = [SLACK, f"pagerduty:{KEY}"]
    answers = [Answer(500)] * 2 * bridge.ATTEMPTS
    with pytest.raises(BridgeFailed) as failed:
        _serve({"Records": [alert()]}, CONTEXT, world(answers, hooks))
    shown = caplog.text + capsys.readouterr().out + str(failed.value)
    assert "hooks.slack.example (webhook 1)" in shown
    assert "PagerDuty (webhook 2)" in shown
    assert "slackslackslack" not in shown
    assert KEY not in shown


@pytest.mark.parametrize("value", ["nonsense {", '{"a": 1}', "[1]", '["http://plain.example/x"]'])
def test_webhooks_that_cannot_be_read_are_named_without_being_shown(value):
    with pytest.raises(BridgeFailed, match="/fleetmend/dev/alerts/webhooks") as failed:
        _serve({"Records": [alert()]}, CONTEXT, world([], value))
    assert "plain.example" not in str(failed.value)


def test_a_parameter_that_may_not_be_read_is_an_error_with_its_action():
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")
    with pytest.raises(PortError, match="ssm:GetParameter"):
        _serve({"Records": [alert()]}, CONTEXT, world([], denied))


def test_subscriptions_are_counted_into_metrics(capsys):
    counts = _serve({"fleetmend": "subscriptions"}, CONTEXT, world([]))
    assert counts == {"SubscriptionsConfirmed": 1, "SubscriptionsPending": 2}
    line = next(text for text in capsys.readouterr().out.splitlines() if "_aws" in text)
    metrics = json.loads(line)
    assert metrics["SubscriptionsConfirmed"] == [1.0]
    assert metrics["concern"] == "bridge"


@pytest.mark.parametrize("event", [{}, {"fleetmend": "sweep"}, {"Records": [{}]}])
def test_a_call_that_is_not_understood_fails(event):
    with pytest.raises((BridgeFailed, NoticeUnreadable)):
        _serve(event, CONTEXT, world([]))


@given(message=st.text(), subject=st.text(max_size=300))
def test_any_message_becomes_a_request_that_is_json(message, subject):
    notice = read_notice(sns(message, Subject=subject))
    for hook in parse_webhooks(json.dumps([SLACK, f"pagerduty:{KEY}"])):
        body = json.loads(request(hook, notice).body)
        assert len(body.get("text", "")) <= 6 * webhooks.SLACK_TEXT
        assert len(body.get("dedup_key", "")) <= webhooks.DEDUP_KEY
        assert len(body.get("payload", {}).get("summary", "")) <= webhooks.SUMMARY


@given(
    st.dictionaries(
        st.sampled_from(["source", "AlarmName", "NewStateValue", "kind", "subject", "text"]),
        st.one_of(st.none(), st.just("fleetmend"), st.integers(), st.lists(st.integers())),
    )
)
def test_fields_of_any_kind_do_no_harm(fields):
    assert read_notice(sns(json.dumps(fields))).key


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        status = int(self.path.lstrip("/"))
        self.send_response(status)
        self.send_header("Retry-After", "7")
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = HTTPServer(("127.0.0.1", 0), _Receiver)
    server.bodies = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, Answer(200)), (302, Answer(302, 7.0)), (429, Answer(429, 7.0)), (500, Answer(500, 7.0))],
)
def test_a_real_post_says_what_was_answered_and_follows_no_redirect(receiver, status, expected):
    plain = bridge.make_opener(urllib.request.HTTPHandler())
    url = f"http://127.0.0.1:{receiver.server_port}/{status}"
    assert bridge.post(webhooks.Request(url, b"{}"), plain) == expected
    assert receiver.bodies == [b"{}"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "file:///etc/passwd", "https://127.0.0.1:9/x", "nonsense"]
)
def test_a_post_that_cannot_be_sent_is_no_answer(url):
    assert bridge.post(webhooks.Request(url, b"{}")) == Answer(0)
