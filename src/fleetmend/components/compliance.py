"""Compliance as infrastructure: who scans, on whose behalf, how often, and what may be asked."""

from typing import NotRequired

import pulumi
import pulumi_aws as aws

from fleetmend.components import policies
from fleetmend.components.accept import accept, accept_all
from fleetmend.components.alarms import AlarmArgs, make_alarm
from fleetmend.components.compliance_alarms import alarms
from fleetmend.components.compliance_machine import definition
from fleetmend.components.controller import Controller
from fleetmend.components.function import ConcernArgs, Function, FunctionArgs, run_args
from fleetmend.components.grants import ledger_key, reads_settings, tells
from fleetmend.components.history import History
from fleetmend.components.identity import naming, tagging
from fleetmend.components.naming import Limit, Naming, partition
from fleetmend.components.parameters import policy_parameters
from fleetmend.components.policies import Statement
from fleetmend.components.spoke import Spoke, role_name
from fleetmend.core.compliance import CONCERN, CompliancePolicy

TIMEOUT = 300
"""Seconds of one call of the function. It saves its place before they are over, and the machine
calls again, so this bounds a call and not a scan."""

MINUTES = 1440
"""A run a day."""

JUDGED = {
    "CKV_AWS_284": "The function's own calls are traced; the machine adds nothing but waiting.",
    "CKV_AWS_285": "Step Functions keeps the history of standard executions itself for 90 days; "
    "what lasts stands in the ledger.",
}
"""Why checks of Checkov about the machine are answered differently here."""


class ComplianceArgs(ConcernArgs):
    """What `Compliance` needs to know."""

    rules: str
    """The rules in force as JSON: what `components.rules_file.compiled` makes of a file."""
    accounts: NotRequired[list[str]]
    """Accounts to scan, each with a `Spoke`; this one where it is left out."""
    regions: NotRequired[list[str]]
    """Regions to scan in each; this one where it is left out."""
    external_id: NotRequired[str]
    """What the function says to every spoke; project and suffix where it is empty or left out."""
    digest: NotRequired[str]
    """The day of the week (`mon` to `sun`) on which people are told where things stand; never
    where it is left out."""
    lanes: NotRequired[int]
    """How many parts of a region with more than a page are read at once, up to 16; 1 where it is
    left out."""
    sweep_minutes: NotRequired[int]
    """How often a run is begun; once a day where it is left out."""


class Compliance(Function):
    """Every instance carries the tags it must: scanned, reported, and kept for questions.

    A schedule begins a run; a state machine fans it out over accounts and regions, each with a
    role of its own account, and ends it. One that fails is reported, and spoils no other.

    Example:
        Compliance("compliance", {"installation": me, "account_id": account,
                                  "rules": compiled(file), "artifact": "dist/lambda.zip", ...})
    """

    machine_arn: pulumi.Output[str]
    """The state machine."""
    database: pulumi.Output[str]
    """The Glue database."""
    workgroup: pulumi.Output[str]
    """The Athena workgroup."""

    def __init__(
        self, name: str, args: ComplianceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Compliance", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._names = naming(args["installation"])
        self._tags = tagging(args["installation"])
        if set(regions(args)) - {self._names.region}:
            accept(
                self,
                "name-region",
                "These are the regions that the setting asks to look into, not where it stands.",
            )
        self._parameters()
        controller = self._controller()
        machine = self._machine(controller)
        self._spoke(controller)
        history = History(
            f"{name}-history",
            {
                "installation": args["installation"],
                "ledger_name": args["ledger_name"],
                "key_arn": args["key_arn"],
                "accounts": args.get("accounts") or [args["account_id"]],
                "regions": regions(args),
            },
            self._child,
        )
        self._tell(controller)
        self.machine_arn = machine.arn
        self.database, self.workgroup = history.database, history.workgroup
        self.alarm_arns = self._alarms(controller, machine)
        self.register_outputs({"functionArn": self.function_arn, "machineArn": self.machine_arn})

    def _parameters(self) -> None:
        args, usual = self._args, CompliancePolicy()
        scope = {
            "accounts": args.get("accounts", []),
            "regions": args.get("regions", []),
            "digest": args.get("digest", usual.digest),
            "lanes": args.get("lanes", usual.lanes),
        }
        policy_parameters(self._name, CONCERN, scope, args, self)
        aws.s3.BucketObjectv2(
            f"{self._name}-rules",
            bucket=args["ledger_name"],
            key="rules/compliance.json",
            content=args["rules"],
            content_type="application/json",
            tags=self._tags.tags("s3-object", "rules/compliance.json"),
            opts=self._child,
        )

    def _controller(self) -> Controller:
        args = self._args
        given = args.get("function", FunctionArgs())
        return Controller(
            f"{self._name}-controller",
            {
                **run_args(args),
                "concern": CONCERN,
                "description": "Judges the tags of every resource, and reports what is wrong",
                "policy": policies.document(*grants(args)),
                "environment": {
                    "FLEETMEND_LEDGER_BUCKET": args["ledger_name"],
                    "FLEETMEND_MACHINE_ARN": machine_arn(self._names, args["account_id"]),
                    "FLEETMEND_SCAN_ROLE": role_name(self._names),
                    "FLEETMEND_EXTERNAL_ID": external_id(args),
                },
                "sweep_minutes": args.get("sweep_minutes", MINUTES),
                "function": {**given, "timeout_seconds": TIMEOUT},
            },
            self._child,
        )

    def _machine(self, controller: Controller) -> aws.sfn.StateMachine:
        args, names = self._args, self._names
        called = machine_name(names)
        arn = machine_arn(names, args["account_id"])
        role = names.role(f"{CONCERN}-machine")
        made = aws.iam.Role(
            f"{self._name}-machine-role",
            name=role,
            description="What the state machine of compliance may do",
            assume_role_policy=policies.trust(
                "states", policies.from_source(args["account_id"], [arn])
            ),
            tags=self._tags.tags("iam-role", role),
            opts=self._child,
        )
        # AWS Step Functions Developer Guide, "IAM policies for using Distributed Map states".
        runs = names.arn("states", args["account_id"], f"execution:{called}:*")
        may = aws.iam.RolePolicy(
            f"{self._name}-machine-may",
            name="run",
            role=made.name,
            policy=policies.document(
                policies.allow("Calls", ["lambda:InvokeFunction"], [controller.alias_arn]),
                policies.allow("FansOut", ["states:StartExecution"], [arn]),
                policies.allow(
                    "Follows", ["states:DescribeExecution", "states:StopExecution"], [runs]
                ),
            ),
            opts=self._child,
        )
        accept(
            may,
            "PARLIAMENT_RESOURCE_MISMATCH",
            "It knows DescribeExecution for express executions only; AWS's own reference, which "
            "our check reads, has it for standard ones too.",
        )
        machine = aws.sfn.StateMachine(
            f"{self._name}-machine",
            name=called,
            role_arn=made.arn,
            definition=definition(controller.alias_arn, TIMEOUT),
            type="STANDARD",
            tags=self._tags.tags("state-machine", called),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[may]),
        )
        accept_all(machine, JUDGED)
        return machine

    def _alarms(
        self, controller: Controller, machine: aws.sfn.StateMachine
    ) -> pulumi.Output[list[str]]:
        """The function's alarms, and those on what it and its machine come to."""
        args = self._args
        settings = args.get("function", FunctionArgs()).get("alarms", AlarmArgs())
        minutes = args.get("sweep_minutes", MINUTES)
        own = [
            make_alarm(
                f"{self._name}-alarm-{alarm.kind.removeprefix(f'{CONCERN}-')}",
                alarm,
                settings,
                args["installation"],
                args["topic_arn"],
                self,
            )
            for alarm in alarms(self._names.namespace, machine.arn, minutes)
        ]
        return pulumi.Output.all(controller.alarm_arns, [one.arn for one in own]).apply(
            lambda lists: [arn for some in lists for arn in some]
        )

    def _spoke(self, controller: Controller) -> None:
        """This account's own role; every other account has its `Spoke` from a program there."""
        Spoke(
            f"{self._name}-spoke",
            {
                "installation": self._args["installation"],
                "hub_role_arn": controller.role_arn,
                "external_id": external_id(self._args),
                "regions": regions(self._args),
            },
            self._child,
        )


def machine_name(names: Naming) -> str:
    """What the state machine is called."""
    return names.name(CONCERN, limit=Limit.STATE_MACHINE)


def machine_arn(names: Naming, account_id: pulumi.Input[str]) -> pulumi.Output[str]:
    """The state machine's ARN, known before it is made: its function starts it."""
    return names.arn("states", account_id, f"stateMachine:{machine_name(names)}")


def external_id(args: ComplianceArgs) -> str:
    """What the function says to spokes, so that nobody else's service can be made to."""
    names = naming(args["installation"])
    return args.get("external_id") or f"{names.project}-{names.suffix}"


def regions(args: ComplianceArgs) -> list[str]:
    """Where it looks."""
    return args.get("regions") or [args["installation"]["region"]]


def grants(args: ComplianceArgs) -> list[Statement]:
    """What compliance may do, beyond running: read and write reports, and take spokes' roles."""
    names, account = naming(args["installation"]), args["account_id"]
    ledger = args["ledger_arn"]

    def under(*prefixes: str) -> list[pulumi.Input[str]]:
        return [pulumi.Output.concat(ledger, f"/{prefix}") for prefix in prefixes]

    reports = ("reports/*", f"progress/{CONCERN}/*", f"rules/{CONCERN}-good.json")
    spokes = [
        pulumi.Output.concat(
            f"arn:{partition(names.region)}:iam::", one, f":role/{role_name(names)}"
        )
        for one in args.get("accounts") or [account]
    ]
    return [
        policies.allow("ReadsReports", ["s3:GetObject"], under(*reports, f"rules/{CONCERN}.json")),
        policies.allow("WritesReports", ["s3:PutObject"], under(*reports)),
        # Without it S3 answers 403, and not 404, for a report that is not there.
        policies.allow(
            "KnowsWhatIsThere",
            ["s3:ListBucket"],
            [ledger],
            {"StringLike": {"s3:prefix": ["reports/*", "progress/*", "rules/*"]}},
        ),
        ledger_key(args),
        reads_settings(args, CONCERN),
        policies.allow("Begins", ["states:StartExecution"], [machine_arn(names, account)]),
        policies.allow("LooksInto", ["sts:AssumeRole"], spokes),
        *tells(args),
    ]
