"""Wake-ups by tens, a second try for what SQS refused, and no silence about the rest."""

import json

import pytest

from fleetmend.aws.queue import DeafQueue, SqsQueue
from fleetmend.core.ports import PortError
from tests.unit.aws.wire import client, response

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/q"


pytestmark = pytest.mark.usefixtures("no_waiting")


class Sqs:
    """Takes batches; `refuse(entry, round)` says which entries fail."""

    def __init__(self, refuse=lambda entry, tries: False):
        self.batches, self.refuse, self.tries = [], refuse, {}

    def __call__(self, request):
        asked = json.loads(request.body)
        assert asked["QueueUrl"] == URL
        self.batches.append(asked["Entries"])
        failed = []
        for entry in asked["Entries"]:
            subject = json.loads(entry["MessageBody"])["subject"]
            self.tries[subject] = self.tries.get(subject, 0) + 1
            if self.refuse(subject, self.tries[subject]):
                failed.append(
                    {"Id": entry["Id"], "Code": "Busy", "Message": "m", "SenderFault": False}
                )
        return response(json.dumps({"Successful": [], "Failed": failed}))


def wake(sqs, looks):
    SqsQueue(client("sqs", sqs), URL).wake(looks)


def test_wake_ups_go_by_tens_with_their_revision_and_delay_rounded_up():
    sqs = Sqs()
    wake(sqs, {f"i-{n:02}": (n, 0.2 + n) for n in range(23)})
    assert [len(batch) for batch in sqs.batches] == [10, 10, 3]
    first = sqs.batches[0][0]
    assert json.loads(first["MessageBody"]) == {
        "fleetmend": "look",
        "subject": "i-00",
        "revision": 0,
    }
    assert first["DelaySeconds"] == 1


@pytest.mark.parametrize(("seconds", "delay"), [(-5, 0), (0, 0), (899.5, 900), (5000, 900)])
def test_a_delay_is_one_that_sqs_takes(seconds, delay):
    sqs = Sqs()
    wake(sqs, {"i-1": (1, seconds)})
    assert sqs.batches[0][0]["DelaySeconds"] == delay


def test_nothing_to_wake_sends_nothing():
    sqs = Sqs()
    wake(sqs, {})
    assert not sqs.batches


def test_what_was_refused_is_sent_once_more_and_only_that():
    sqs = Sqs(lambda subject, tries: subject == "i-1" and tries == 1)
    wake(sqs, {"i-0": (1, 0), "i-1": (1, 0)})
    assert [len(batch) for batch in sqs.batches] == [2, 1]


def test_what_is_refused_twice_is_an_error_after_all_others_were_sent():
    sqs = Sqs(lambda subject, tries: subject == "i-00")
    with pytest.raises(PortError, match=r"1 of 10 wake-ups .* Busy") as caught:
        wake(sqs, {f"i-{n:02}": (1, 0) for n in range(15)})
    assert caught.value.remedy
    assert sqs.tries == {f"i-{n:02}": 2 if n == 0 else 1 for n in range(15)}


def test_a_queue_that_refuses_everything_is_an_error():
    denied = response('{"__type":"AccessDenied","message":"m"}', 403)
    with pytest.raises(PortError, match="AccessDenied"):
        wake(lambda _: denied, {"i-1": (1, 0)})


def test_a_plan_wakes_nobody():
    DeafQueue().wake({"i-1": (1, 0)})
