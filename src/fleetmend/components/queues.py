"""A controller's queues: the one that wakes it, and the two for what could not be taken."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.controller_names import (
    dead_letters_name,
    queue_name,
    rule_name,
    undelivered_name,
)
from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.components.policies import Statement

RECEIVES = 5
"""Tries before a message is a dead letter. Lambda's throttling uses tries up too, so fewer would
lose good messages in a busy minute (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""

VISIBILITY = 6
"""Times the function's time-out, as the same guide asks for."""

BATCH = 1000
"""Messages in one call: a thousand instances that stop at once become a few calls."""

CONCURRENCY = 2
"""Calls from the queue at once, the least that Lambda takes. More would only meet each other at
the ledger."""

DAY = 86400


class QueuesArgs(TypedDict):
    """What the queues need to know; see `ControllerArgs`."""

    installation: InstallationArgs
    account_id: pulumi.Input[str]
    concern: str
    key_arn: pulumi.Input[str]
    timeout_seconds: int
    event_pattern: str | None
    topic_arn: pulumi.Input[str] | None


class Queues:
    """The queues of one controller, and the rule that feeds them, as children of `parent`."""

    def __init__(self, name: str, args: QueuesArgs, parent: pulumi.Resource) -> None:
        self._args = args
        self._child = pulumi.ResourceOptions(parent=parent)
        self._names = naming(args["installation"])
        self._parent = parent
        self.queue: aws.sqs.Queue | None = None
        self.dead_letters: aws.sqs.Queue | None = None
        self.rule: aws.cloudwatch.EventRule | None = None
        self.undelivered = self._queue(
            f"{name}-undelivered",
            undelivered_name(self._names, args["concern"]),
            retention=14 * DAY,
        )
        let_in: list[Statement] = []
        if args["event_pattern"] is not None:
            self.rule = self._woken_by(name, args["event_pattern"])
            let_in.append(self._from("events", self.rule.arn, self.undelivered))
        if args["topic_arn"] is not None:
            let_in.append(self._from("sns", args["topic_arn"], self.undelivered))
        self._policy(f"{name}-undelivered", self.undelivered, let_in)

    def _woken_by(self, name: str, pattern: str) -> aws.cloudwatch.EventRule:
        concern = self._args["concern"]
        dead = self._queue(
            f"{name}-dead-letters", dead_letters_name(self._names, concern), retention=14 * DAY
        )
        queue = self._queue(
            f"{name}-queue",
            queue_name(self._names, concern),
            retention=4 * DAY,
            redrive=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dead.arn, "maxReceiveCount": RECEIVES},
                separators=(",", ":"),  # as SQS returns it, so that a second plan is empty
            ),
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-redrive",
            queue_url=dead.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}
            ),
            opts=self._child,
        )
        called = rule_name(self._names, concern)
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            name=called,
            description=f"Wakes {concern}",
            event_pattern=pattern,
            tags=tagging(self._args["installation"]).tags("events-rule", called),
            opts=self._child,
        )
        self._policy(f"{name}-dead-letters", dead, [])
        lets_in = self._policy(f"{name}-queue", queue, [self._from("events", rule.arn, queue)])
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            target_id="queue",
            arn=queue.arn,
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(
                arn=self.undelivered.arn
            ),
            # An event is worth no more than the sweep that comes anyway.
            retry_policy=aws.cloudwatch.EventTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=900, maximum_retry_attempts=20
            ),
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[lets_in]),
        )
        self.queue, self.dead_letters = queue, dead
        return rule

    def feed(self, name: str, alias: aws.lambda_.Alias, window: int) -> None:
        """Let the queue call the function: in batches, with each failed message named.

        Args:
            name: The component's name.
            alias: What to call.
            window: Seconds to gather messages; 0 gathers none, and Lambda then takes 10 at most.
        """
        if self.queue is None:
            return
        mapping = aws.lambda_.EventSourceMapping
        mapping(
            f"{name}-feed",
            event_source_arn=self.queue.arn,
            function_name=alias.arn,
            batch_size=BATCH if window else 10,
            maximum_batching_window_in_seconds=window,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=aws.lambda_.EventSourceMappingScalingConfigArgs(
                maximum_concurrency=CONCURRENCY
            ),
            tags=tagging(self._args["installation"]).tags(
                "event-source-mapping", queue_name(self._names, self._args["concern"])
            ),
            opts=self._child,
        )

    def _queue(
        self,
        name: str,
        called: str,
        *,
        retention: int,
        redrive: pulumi.Output[str] | None = None,
    ) -> aws.sqs.Queue:
        return aws.sqs.Queue(
            name,
            name=called,
            kms_master_key_id=self._args["key_arn"],
            kms_data_key_reuse_period_seconds=300,
            message_retention_seconds=retention,
            visibility_timeout_seconds=VISIBILITY * self._args["timeout_seconds"],
            redrive_policy=redrive,
            tags=tagging(self._args["installation"]).tags("sqs-queue", called),
            opts=self._child,
        )

    def _from(self, service: str, source_arn: pulumi.Input[str], queue: aws.sqs.Queue) -> Statement:
        source = policies.from_source(self._args["account_id"], [source_arn])
        sid = f"{service.title()}Delivers"
        return policies.service_may(sid, service, ["sqs:SendMessage"], queue.arn, source)

    def _policy(
        self, name: str, queue: aws.sqs.Queue, statements: list[Statement]
    ) -> aws.sqs.QueuePolicy:
        return aws.sqs.QueuePolicy(
            f"{name}-policy",
            queue_url=queue.url,
            policy=policies.document(policies.tls_only("sqs:*", [queue.arn]), *statements),
            opts=self._child,
        )
