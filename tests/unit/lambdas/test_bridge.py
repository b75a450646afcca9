"""The bridge tells webhooks what SNS says, in their words, and shows nobody their addresses."""

import json
import logging
import threading
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fleetmend.core import letters
from fleetmend.core.kinds import KINDS
from fleetmend.core.letters import Sender, Who
from fleetmend.core.model import Alert
from fleetmend.core.ports import PortError
from fleetmend.lambdas import bridge, envelope, webhooks
from fleetmend.lambdas.bridge import Answer, BridgeFailed, World, _serve
from fleetmend.lambdas.webhooks import NoticeUnreadable, parse_webhooks, read_notice, requests

SLACK = "https://hooks.slack.example/services/T000/B000/slackslackslack"
KEY = "0123456789abcdef0123456789abcdef"
CONTEXT = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 60_000)


CONTRACTS = Path(__file__).parents[2] / "contracts"
SLACK_TAKES, PAGERDUTY_TAKES = (
    Draft202012Validator(json.loads((CONTRACTS / f"{name}.json").read_text()))
    for name in ("slack-incoming-webhook", "pagerduty-events-v2")
)
SENDER = Sender("fleetmend", "dev", "123456789012", "us-east-1")


def alert(kind="exhausted", subject="i-0abc1234", concern="recovery", **more):
    """What the topic hands over for an alert: the real thing, from `core/letters.py`."""
    told = Alert("fact", kind, f"{subject} stays down", why="<because> A & B", **more)
    letter = letters.letter(SENDER, concern, subject, told)
    line = letters.subject_line(letter)
    at = "2026-03-01T12:00:00.000Z"
    return sns(json.dumps(letters.message(letter)), Subject=line, Timestamp=at)


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
    title = "[fleetmend-dev] YOURS: i-0abc1234 stays down"
    message = by_url[SLACK]
    assert message["text"].startswith(f"{title}\ni-0abc1234 stays down: &lt;because&gt; A &amp; B")
    shown = [block["text"]["text"] for block in message["blocks"]]
    assert shown == [
        title,
        "*What happened*\ni-0abc1234 stays down",
        "*Why*\n&lt;because&gt; A &amp; B",
        "*What was done*\nNothing more is tried by itself.",
        "*What is yours to do*\nMend the cause, then have it tried again.",
        "```fleetmend retry i-0abc1234 -e dev --region us-east-1```",
    ]
    event = by_url["https://events.pagerduty.com/v2/enqueue"]
    assert event["routing_key"] == KEY
    assert event["event_action"] == "trigger"
    assert event["dedup_key"] == "fleetmend-dev/recovery/i-0abc1234"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["summary"] == title
    assert event["payload"]["timestamp"] == "2026-03-01T12:00:00.000Z"
    assert event["payload"]["custom_details"]["command"].startswith("fleetmend retry i-0abc1234")


@pytest.mark.parametrize(
    ("trouble", "over"),
    [
        (alert("exhausted"), alert("recovered")),
        (alert("attempt-failed"), alert("recovered")),
        (alert("drifted", concern="rebuild"), alert("mended", concern="rebuild")),
        (alert("unsure", concern="rebuild"), alert("rebuilt", concern="rebuild")),
        (alert("mass-stop", "mass-stop"), alert("mass-stop-over", "mass-stop")),
        (alert("exhausted", "g" * 300), alert("recovered", "g" * 300)),
        (alert("exhausted"), alert("all-clear", "digest:1", ends=("i-0abc1234",))),
        (alarm("ALARM"), alarm("OK")),
    ],
)
def test_the_all_clear_resolves_what_the_trouble_triggered(trouble, over):
    (first,), (last,) = paged(trouble), paged(over)
    assert (first["event_action"], last["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == last["dedup_key"]


def paged(notification):
    """The events that PagerDuty gets for this."""
    hook = parse_webhooks(json.dumps([f"pagerduty:{KEY}"]))[0]
    return [json.loads(what.body) for what in requests(hook, read_notice(notification))]


def test_a_digest_pages_once_however_many_come_and_ends_what_it_carries():
    one, other = (paged(alert("digest", f"digest:{n}", ends=("i-1", "i-2"))) for n in ("0a", "1b"))
    assert [event["event_action"] for event in one] == ["resolve", "resolve", "trigger"]
    assert one[-1]["dedup_key"] == other[-1]["dedup_key"]


@pytest.mark.parametrize("kind", ["replaced", "changed", "all-clear"])
def test_what_is_only_good_to_know_wakes_nobody(kind):
    assert paged(alert(kind)) == []


def test_long_keys_that_differ_at_their_ends_stay_two():
    one, other = (paged(alert("exhausted", "g" * 300 + end))[0] for end in "ab")
    assert one["dedup_key"] != other["dedup_key"]


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
    for_both(notice)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 100_000])
@pytest.mark.parametrize("character", ["x", "&", "é"])
def test_every_alert_keeps_both_contracts_however_long_it_is(kind, length, character):
    long = character * length
    told = Alert("fact", kind, long, why=long, since=datetime(2026, 3, 1, tzinfo=UTC))
    letter = letters.letter(SENDER, "recovery", "i-1", told, Who(long))
    body = json.dumps(letters.message(letter))
    notice = read_notice(sns(body, Subject="s", Timestamp="2026-03-01T12:00:00.000Z"))
    for_both(notice)


def for_both(notice):
    """Judge what both are sent by what they take."""
    for hook, contract in zip(
        parse_webhooks(json.dumps([SLACK, f"pagerduty:{KEY}"])),
        (SLACK_TAKES, PAGERDUTY_TAKES),
        strict=True,
    ):
        for what in requests(hook, notice):
            body = json.loads(what.body)
            contract.validate(body)
            blocks = body.get("blocks", [])
            assert sum(len(block["text"]["text"]) for block in blocks) < 10_000


@given(
    st.dictionaries(
        st.sampled_from(["source", "AlarmName", "NewStateValue", "kind", "subject", "text"]),
        st.one_of(st.none(), st.just("fleetmend"), st.integers(), st.lists(st.integers())),
    )
)
def test_fields_of_any_kind_do_no_harm(fields):
    assert read_notice(sns(json.dumps(fields))).key


class _Receiver(BaseHTTPRequestHandler):
    """Answers the status that its path names; `/slack` and `/pagerduty` answer as those do."""

    def do_POST(self):
        if self.path in {"/slack", "/pagerduty"}:
            self.judge(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            return
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        status = int(self.path.lstrip("/"))
        self.send_response(status)
        self.send_header("Retry-After", "7")
        self.send_header("Location", "/200")
        self.end_headers()

    def judge(self, body):
        """429 with Retry-After at first; then as the contract says."""
        slack = self.path == "/slack"
        contract = SLACK_TAKES if slack else PAGERDUTY_TAKES
        asked = self.server.asked[self.path] = self.server.asked.get(self.path, 0) + 1
        status = 429 if asked == 1 else 200 if slack else 202
        problems = [error.message for error in contract.iter_errors(body)]
        if problems:
            status = 400
        said = b"ok" if slack else json.dumps({"status": "success", "errors": problems}).encode()
        self.server.taken.extend([body] if status < 300 else [])
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "2")
        self.end_headers()
        self.wfile.write(b"invalid_payload" if slack and problems else said)

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = HTTPServer(("127.0.0.1", 0), _Receiver)
    server.bodies, server.taken, server.asked = [], [], {}
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


def test_both_take_it_over_http_after_they_asked_for_time(receiver):
    plain = bridge.make_opener(urllib.request.HTTPHandler())
    slept, home = [], f"http://127.0.0.1:{receiver.server_port}"

    def post(what):
        path = "/slack" if what.url == SLACK else "/pagerduty"
        return bridge.post(webhooks.Request(home + path, what.body), plain)

    base = world([], [SLACK, f"pagerduty:{KEY}"], slept=slept)
    two = World(base.client, post, base.sleep, base.environ)
    for kind in ("exhausted", "recovered"):
        told = _serve({"Records": [alert(kind)]}, CONTEXT, two)
        assert told == {"WebhooksDelivered": 2, "WebhooksFailed": 0}
    assert slept == [2.0, 2.0]
    events = [body for body in receiver.taken if "event_action" in body]
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert len(receiver.taken) == 4


def test_what_breaks_a_contract_is_refused_and_not_tried_again(receiver):
    plain = bridge.make_opener(urllib.request.HTTPHandler())
    url = f"http://127.0.0.1:{receiver.server_port}/pagerduty"
    body = json.dumps({"routing_key": "short", "event_action": "trigger"}).encode()
    assert bridge.post(webhooks.Request(url, body), plain) == Answer(400)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "file:///etc/passwd", "https://127.0.0.1:9/x", "nonsense"]
)
def test_a_post_that_cannot_be_sent_is_no_answer(url):
    assert bridge.post(webhooks.Request(url, b"{}")) == Answer(0)
