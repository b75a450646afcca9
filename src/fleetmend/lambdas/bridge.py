"""The bridge's entry: alerts from SNS to webhooks, and how many subscribers there really are.

SNS calls it with each alert. A webhook that does not take one is tried again here; what still
fails fails the run, Lambda tries the run twice more, and then the alert lies in `undelivered` and
an alarm says so. A webhook that had taken it gets it again then: at least once, PagerDuty by its
key only once. The scheduler calls it with `{"fleetmend": "subscriptions"}`.

Addresses of webhooks are secrets: none stands in a log, an error or a metric.
"""

import http.client
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, cast

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fleetmend.aws.clients import THREADS, Client, client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.ports import PortError
from fleetmend.lambdas.envelope import opened
from fleetmend.lambdas.webhooks import (
    Request,
    Webhook,
    parse_webhooks,
    read_notice,
    requests,
)

CONCERN = "bridge"

SUBSCRIPTIONS = "subscriptions"
"""The scheduler's whole message is `{"fleetmend": "subscriptions"}`."""

ATTEMPTS = 3
"""Tries of one POST, with 1 s and 2 s between them, or as long as the receiver asks for."""

LONGEST_WAIT = 10.0
"""Seconds that a receiver's `Retry-After` is followed; what asks for more comes again later."""

PATIENCE = 5.0
"""Seconds for one POST."""

_log = logging.getLogger(__name__)


class BridgeFailed(Exception):
    """Something was not delivered, or the call was not understood."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook said. `status` 0 is no answer; `wait` is its `Retry-After` in seconds."""

    status: int
    wait: float = 0.0

    @property
    def worth_another_try(self) -> bool:
        """Whether the same request may well be taken a moment later."""
        return self.status in {0, 408, 429} or self.status >= 500


Post = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class World:
    """What the bridge takes from outside."""

    client: Callable[[str], Client]
    post: Post
    sleep: Callable[[float], None]
    environ: Mapping[str, str]


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, int]:
    """Lambda's entry.

    Raises:
        BridgeFailed: an alert was not delivered everywhere, or the call was not understood.
        PortError: AWS did not answer.
    """
    return _serve(event, context, _world())


def _serve(event: Mapping[str, Any], context: LambdaContext, world: World) -> dict[str, int]:
    with opened(CONCERN, context):
        if event.get("fleetmend") == SUBSCRIPTIONS:
            counts = _count(world)
        elif isinstance(event.get("Records"), list):
            counts = _bridge(cast("Sequence[Mapping[str, Any]]", event["Records"]), world)
        else:
            raise BridgeFailed("neither an SNS event nor the scheduler's call")
        for name, value in counts.items():
            Metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)
        undelivered = counts.get("WebhooksFailed", 0)
        if undelivered == 0:
            return counts
    raise BridgeFailed(f"{undelivered} deliveries failed; the log names the webhooks")


@cache
def _world() -> World:
    return World(client=cache(client), post=post, sleep=time.sleep, environ=os.environ)


def _count(world: World) -> dict[str, int]:
    """How many subscriptions are confirmed and how many are pending."""
    arn = world.environ["FLEETMEND_TOPIC_ARN"]
    try:
        answer = world.client("sns").get_topic_attributes(TopicArn=arn)
    except SdkError as error:
        raise failed(PortError, f"sns:GetTopicAttributes of {arn}", error) from error
    attributes = cast("Mapping[str, str]", answer.get("Attributes") or {})
    return {
        name: int(attributes.get(name, "0"))
        for name in ("SubscriptionsConfirmed", "SubscriptionsPending")
    }


def _bridge(records: Sequence[Mapping[str, Any]], world: World) -> dict[str, int]:
    notices = [read_notice(record) for record in records]
    webhooks = _webhooks(world)

    def deliver(post: tuple[Webhook, Request]) -> bool:
        webhook, what = post
        return _deliver(webhook, what, world)

    posts = [
        (webhook, what)
        for webhook, notice in product(webhooks, notices)
        for what in requests(webhook, notice)
    ]
    # Side by side, so that several that do not answer fit one run.
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        taken = list(pool.map(deliver, posts))
    return {"WebhooksDelivered": sum(taken), "WebhooksFailed": len(taken) - sum(taken)}


def _webhooks(world: World) -> list[Webhook]:
    """The webhooks, read on each run: whoever changes them need not deploy."""
    name = world.environ["FLEETMEND_WEBHOOKS_NAME"]
    try:
        answer = world.client("ssm").get_parameter(Name=name, WithDecryption=True)
    except SdkError as error:
        raise failed(PortError, f"ssm:GetParameter of {name}", error) from error
    try:
        return parse_webhooks(str(answer["Parameter"]["Value"]))
    except ValueError as error:
        raise BridgeFailed(f"the parameter {name}: {error}") from None


def _deliver(webhook: Webhook, what: Request, world: World) -> bool:
    """Tell one webhook, trying again where that may help; whether it took it."""
    answer, tries = world.post(what), 1
    while answer.worth_another_try and tries < ATTEMPTS:
        world.sleep(min(max(2.0 ** (tries - 1), answer.wait), LONGEST_WAIT))
        answer, tries = world.post(what), tries + 1
    if 200 <= answer.status < 300:
        return True
    said = f"answered {answer.status}" if answer.status else "did not answer"
    _log.error("%s %s", webhook.name, said, extra={"tries": tries})
    return False


def make_opener(*protocols: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """An opener for these protocols and nothing else.

    It follows no redirect, which would hand the alert and the key in it to somebody whom nobody
    named, and goes through no proxy that the environment happens to name.
    """
    opener = urllib.request.OpenerDirector()
    for part in (
        *protocols,
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(part)
    return opener


_HTTPS = make_opener(urllib.request.HTTPSHandler())


def post(what: Request, opener: urllib.request.OpenerDirector = _HTTPS) -> Answer:
    """Send one request; what goes wrong on the way is an answer too."""
    headers = {"Content-Type": "application/json"}
    try:
        sent = urllib.request.Request(  # noqa: S310 -- the opener knows https only
            what.url, data=what.body, headers=headers, method="POST"
        )
        with opener.open(sent, timeout=PATIENCE) as answer:
            return Answer(int(answer.status))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _wait(error.headers.get("Retry-After")))
    except (OSError, ValueError, http.client.HTTPException) as error:
        # Only the kind: the text of some of these repeats the address.
        _log.warning("no answer: %s", type(error).__name__)
        return Answer(0)


def _wait(header: str | None) -> float:
    """Seconds of a `Retry-After`; a date, or nonsense, counts as not said."""
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return 0.0
