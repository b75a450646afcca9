"""Controller: a function with everything it needs to run, be woken, fail safely and be missed.

What wakes a function, and where what it could not take goes, are four different things:

| source | wakes by | what is lost without a queue of its own |
|---|---|---|
| queue | event source mapping | a message that keeps failing: redriven to `dead-letters` |
| rule | target is the queue | an event the queue did not take: sent to `undelivered` |
| schedule | invokes the alias | a call the schedule could not make: sent to `undelivered` |
| async call | Lambda's own queue | a run that failed for good: sent to `undelivered` |

`dead-letters` holds messages of the queue's own kind, so that SQS can move them back (redrive);
`undelivered` holds the other three's envelopes, which must not be moved anywhere.
"""

from typing import NotRequired

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept, accept_all
from fleetmend.components.alarms import (
    Alarm,
    AlarmArgs,
    function_alarms,
    heartbeat_alarm,
    make_alarm,
    queue_alarms,
)
from fleetmend.components.controller_names import function_name, log_group_name
from fleetmend.components.function import Function, FunctionArgs, RunArgs
from fleetmend.components.identity import naming, tagging
from fleetmend.components.policies import Statement
from fleetmend.components.queues import Queues, QueuesArgs
from fleetmend.components.schedule import Schedule
from fleetmend.components.subscription import subscribe

ALIAS = "live"
"""The alias that everything calls; it points at a published version, never at `$Latest`."""

SWEEP = '{"fleetmend": "sweep"}'
"""What the schedule says; `core/events.py` reads it."""


JUDGED = {
    "CKV_AWS_115": "Reserved concurrency is taken from the account's other functions; the queue's "
    "mapping bounds how many run at once, and two at once are safe.",
    "CKV_AWS_116": "Calls that fail for good go to an on-failure destination, which keeps the "
    "reason too; Checkov knows the older dead-letter queue only.",
    "CKV_AWS_117": "It speaks to AWS's own APIs only; in a VPC it would stand still whenever NAT "
    "or an endpoint does.",
    "CKV_AWS_272": "A signing profile is the account's to have; the artifact is built the same "
    "byte for byte, so its hash says what runs.",
}
"""Why checks of Checkov about functions are answered differently here."""


class ControllerArgs(RunArgs):
    """What `Controller` needs to know. Times are in seconds."""

    concern: str
    """The one word of the concern, such as `recovery`: names, logs, metrics and handler."""
    description: str
    """One sentence for people who find the function in the console."""
    policy: pulumi.Input[str]
    """What the concern itself may do, as a policy document; logs, traces and the queue come on
    top."""
    policy_accepts: NotRequired[dict[str, str]]
    """Findings about that policy which are meant: reasons by rule."""
    environment: NotRequired[dict[str, pulumi.Input[str]]]
    """Environment variables beside those every function has. No secrets."""
    event_pattern: NotRequired[str]
    """EventBridge pattern, as JSON, of the events that wake it; it has a queue then."""
    sweep_minutes: NotRequired[int]
    """How often the schedule calls it; not at all where it is left out."""
    sweep_input: NotRequired[str]
    """What the schedule says; `{"fleetmend": "sweep"}` where it is left out."""
    batch_window_seconds: NotRequired[int]
    """How long events are gathered into one call; 5 where it is left out."""
    claim: NotRequired[str]
    """The parameter that says whose the concern's selector is, where installations claim it."""
    subscribed: NotRequired[bool]
    """Whether the alerts topic calls it with every alert."""
    heartbeat: NotRequired[bool]
    """Whether the function reports `OldestLookSeconds` at the end of each sweep."""


class Controller(Function):
    """A function behind an alias, with role, logs, queue, schedule and alarms.

    The function waits for its role's policies and its log group: one that runs before them fails,
    or makes a group that nobody manages. It may not create log groups at all.

    Example:
        Controller("recovery", {..., "concern": "recovery", "artifact": "dist/lambda.zip",
                                "policy": document, "event_pattern": pattern, "sweep_minutes": 2})
    """

    queue_url: pulumi.Output[str]
    """The queue that wakes it; empty where it has none."""
    queue_arn: pulumi.Output[str]
    """That queue's ARN; empty where it has none."""
    dead_letters_url: pulumi.Output[str]
    """Messages that kept failing; empty where it has no queue."""
    subscription_arn: pulumi.Output[str]
    """Its subscription to the alerts topic; empty where it has none."""
    rule_arn: pulumi.Output[str]
    """The EventBridge rule; empty where no events wake it."""

    def __init__(
        self, name: str, args: ControllerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Controller", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._names = naming(args["installation"])
        self._tags = tagging(args["installation"])
        self._function_args = args.get("function", FunctionArgs())
        self._timeout = self._function_args.get("timeout_seconds", 60)
        self._called = function_name(self._names, args["concern"])
        queues = self._queues()
        logs = self._log_group()
        role, grants = self._role(queues, logs)
        function = self._function(role, logs, queues, grants)
        alias = self._alias(function, queues)
        schedule = self._schedule(alias, queues)
        self.function_name, self.function_arn = function.name, function.arn
        self.alias_arn = alias.arn
        self.role_name, self.role_arn = role.name, role.arn
        self.log_group_name = logs.name
        nothing = pulumi.Output.from_input("")
        self.queue_url = queues.queue.url if queues.queue else nothing
        self.queue_arn = queues.queue.arn if queues.queue else nothing
        self.dead_letters_url = queues.dead_letters.url if queues.dead_letters else nothing
        self.undelivered_url = queues.undelivered.url
        self.subscription_arn = nothing
        if args.get("subscribed", False):
            self.subscription_arn = subscribe(
                name, alias, args["topic_arn"], args["account_id"], queues.undelivered, self
            ).arn
        self.rule_arn = queues.rule.arn if queues.rule else nothing
        self.schedule_arn = schedule.arn if schedule else nothing
        self.alarm_arns = pulumi.Output.all(*(alarm.arn for alarm in self._alarms()))
        self.register_outputs({"functionArn": self.function_arn, "aliasArn": self.alias_arn})

    def _queues(self) -> Queues:
        args = self._args
        plan: QueuesArgs = {
            "installation": args["installation"],
            "account_id": args["account_id"],
            "concern": args["concern"],
            "key_arn": args["key_arn"],
            "timeout_seconds": self._timeout,
            "event_pattern": args.get("event_pattern"),
            "topic_arn": args["topic_arn"] if args.get("subscribed", False) else None,
        }
        return Queues(self._name, plan, self)

    def _log_group(self) -> aws.cloudwatch.LogGroup:
        called = log_group_name(self._names, self._args["concern"])
        group = aws.cloudwatch.LogGroup(
            f"{self._name}-logs",
            name=called,
            retention_in_days=self._function_args.get("log_retention_days", 14),
            kms_key_id=self._args["key_arn"],
            tags=self._tags.tags("log-group", called),
            opts=self._child,
        )
        accept(
            group,
            "CKV_AWS_338",
            "What must last stands in the ledger; logRetentionDays is a setting.",
        )
        return group

    def _role(
        self, queues: Queues, logs: aws.cloudwatch.LogGroup
    ) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        called = self._names.role(self._args["concern"])
        role = aws.iam.Role(
            f"{self._name}-role",
            name=called,
            description=f"What the function {self._called} may do",
            assume_role_policy=policies.trust("lambda"),
            tags=self._tags.tags("iam-role", called),
            opts=self._child,
        )
        documents = {
            "runs": policies.document(*self._statements(queues, logs)),
            self._args["concern"]: self._args["policy"],
        }
        grants: list[pulumi.Resource] = [
            aws.iam.RolePolicy(
                f"{self._name}-may-{kind}", name=kind, role=role.name, policy=text, opts=self._child
            )
            for kind, text in documents.items()
        ]
        accept_all(grants[-1], self._args.get("policy_accepts", {}))
        return role, grants

    def _statements(self, queues: Queues, logs: aws.cloudwatch.LogGroup) -> list[Statement]:
        """What running takes: own log streams, traces, own queue, and the key for both.

        X-Ray's two actions know no resource and no condition (Service Authorization Reference).
        """
        region = self._names.region
        streams = pulumi.Output.concat(logs.arn, ":log-stream:*")
        sends = [queues.undelivered.arn, *([queues.queue.arn] if queues.queue else [])]
        consumes = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        return [
            policies.allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams]),
            policies.allow("Traces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
            policies.allow("Sends", ["sqs:SendMessage"], sends),
            *([policies.allow("Wakes", consumes, [queues.queue.arn])] if queues.queue else []),
            policies.allow(
                "QueueKey", policies.KMS_USE, [self._args["key_arn"]], policies.via(region, "sqs")
            ),
        ]

    def _function(
        self,
        role: aws.iam.Role,
        logs: aws.cloudwatch.LogGroup,
        queues: Queues,
        grants: list[pulumi.Resource],
    ) -> aws.lambda_.Function:
        args = self._args
        function = aws.lambda_.Function(
            f"{self._name}-function",
            name=self._called,
            description=args["description"],
            role=role.arn,
            runtime=self._function_args.get("runtime", "python3.13"),
            architectures=[self._function_args.get("architecture", "arm64")],
            handler=f"fleetmend.lambdas.{args['concern']}.handler",
            code=pulumi.FileArchive(args["artifact"]),
            memory_size=self._function_args.get("memory_mb", 512),
            timeout=self._timeout,
            publish=True,
            kms_key_arn=args["key_arn"],
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=self._environment(queues)),
            # Text, because Powertools writes JSON by itself: Lambda's JSON format would filter
            # embedded metrics by a level that they do not have.
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="Text", log_group=logs.name
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active"),
            tags=self._tags.tags("lambda-function", self._called),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*grants, logs]),
        )
        accept_all(function, JUDGED)
        return function

    def _environment(self, queues: Queues) -> dict[str, pulumi.Input[str]]:
        args = self._args
        return {
            "FLEETMEND_PROJECT": self._names.project,
            "FLEETMEND_SUFFIX": self._names.suffix,
            "FLEETMEND_TOPIC_ARN": args["topic_arn"],
            **({"FLEETMEND_QUEUE_URL": queues.queue.url} if queues.queue else {}),
            **({"FLEETMEND_CLAIM": args["claim"]} if "claim" in args else {}),
            "POWERTOOLS_SERVICE_NAME": args["concern"],
            "POWERTOOLS_METRICS_NAMESPACE": self._names.namespace,
            "POWERTOOLS_LOG_LEVEL": self._function_args.get("log_level", "INFO"),
            **args.get("environment", {}),
        }

    def _alias(self, function: aws.lambda_.Function, queues: Queues) -> aws.lambda_.Alias:
        alias = aws.lambda_.Alias(
            f"{self._name}-alias",
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            description="What the queue and the schedule call",
            opts=self._child,
        )
        aws.lambda_.FunctionEventInvokeConfig(
            f"{self._name}-async",
            function_name=function.name,
            qualifier=alias.name,
            maximum_event_age_in_seconds=3600,
            maximum_retry_attempts=2,
            destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(
                    destination=queues.undelivered.arn
                )
            ),
            opts=self._child,
        )
        if queues.queue:
            queues.feed(self._name, alias, self._args.get("batch_window_seconds", 5))
        return alias

    def _schedule(self, alias: aws.lambda_.Alias, queues: Queues) -> Schedule | None:
        args = self._args
        if "sweep_minutes" not in args:
            return None
        return Schedule(
            f"{self._name}-schedule",
            {
                "installation": args["installation"],
                "account_id": args["account_id"],
                "concern": args["concern"],
                "minutes": args["sweep_minutes"],
                "time_zone": self._function_args.get("time_zone", "UTC"),
                "input": args.get("sweep_input", SWEEP),
                "target_arn": alias.arn,
                "undelivered_arn": queues.undelivered.arn,
                "key_arn": args["key_arn"],
            },
            self,
        )

    def _alarms(self) -> list[aws.cloudwatch.MetricAlarm]:
        args = self._args
        settings = self._function_args.get("alarms", AlarmArgs())
        return [
            make_alarm(
                f"{self._name}-alarm-{alarm.kind.removeprefix(args['concern'] + '-')}",
                alarm,
                settings,
                args["installation"],
                args["topic_arn"],
                self,
            )
            for alarm in self._plan_alarms(settings)
        ]

    def _plan_alarms(self, settings: AlarmArgs) -> list[Alarm]:
        args, concern = self._args, self._args["concern"]
        planned = [
            *function_alarms(concern, self._called, self._timeout, settings),
            *queue_alarms(concern, self._names, settings, with_queue="event_pattern" in args),
        ]
        if args.get("heartbeat", False):
            seconds = 60 * args.get("sweep_minutes", 1)
            planned.append(heartbeat_alarm(concern, self._names.namespace, seconds, settings))
        return planned
