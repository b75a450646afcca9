"""Compliance's entry: begins a run, goes on with one branch of it, and ends it.

The scheduler calls it with `{"fleetmend": "sweep"}`, and a person's desk with `run` instead: it
plans a run and starts the state machine with it. The machine calls it back, for each branch until
that is done (`examine`), and once at the end (`finish`). It saves its place before its time is
up, and whoever calls it again goes on there.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Protocol

from aws_lambda_powertools.utilities.typing import LambdaContext

from fleetmend.aws import inventory, roles
from fleetmend.aws.archive import S3Archive
from fleetmend.aws.errors import SdkError, failed
from fleetmend.aws.parameters import ParameterStore
from fleetmend.core import compliance_digest, declared, rules
from fleetmend.core.compliance import CONCERN, Batch
from fleetmend.core.compliance_report import Summary, finish
from fleetmend.core.compliance_run import advance
from fleetmend.core.events import SWEEP
from fleetmend.core.model import Alert, Mode
from fleetmend.core.ports import ObservationFailed, PortError
from fleetmend.core.rules import Rules, RulesUnreadable
from fleetmend.core.standings import Branch, Plan, begin, named, planned
from fleetmend.lambdas import envelope, parameters, settings, wiring
from fleetmend.lambdas.inbox import EventUnreadable
from fleetmend.lambdas.settings import Settings
from fleetmend.lambdas.wiring import World

_log = logging.getLogger(__name__)

RULES_KEY = "rules/compliance.json"
"""The rules in force, as the installation wrote them."""

GOOD_KEY = "rules/compliance-good.json"
"""The last rules that could be read: they stay in force while the others cannot."""

SAVING_TIME = timedelta(seconds=20)
"""Kept free at a function's end, to write the last part and the place."""


@dataclass(frozen=True, slots=True)
class Here:
    """Where the function itself is, as the ARN it was called by says."""

    partition: str
    region: str
    account: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What the function works through: the machine, and each account's role."""

    machine_arn: str
    role: str
    external_id: str


class Scan(Protocol):
    """How a function looks into an account's region."""

    def __call__(
        self, region: str, credentials: Mapping[str, str], kind: str, token: str, lanes: int
    ) -> Iterator[Batch]:
        """What there is of this kind from the token on."""
        ...


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls: `run` in this container's world, with logs and metrics around it.

    Raises:
        SettingsInvalid: the environment is incomplete.
        Exception: what `run` raises.
    """
    environment, reach, world = _container()
    with envelope.opened(CONCERN, context):
        return run(event, context, environment, reach, world, tell=envelope.complied)


@cache
def _container() -> tuple[Settings, Reach, World]:
    """What is made once in a container's life."""
    read = settings.from_environ(os.environ, queue=False)
    return read, reach(os.environ), wiring.lambda_world()


def reach(environ: Mapping[str, str]) -> Reach:
    """What the function's environment says that it works through.

    Raises:
        SettingsInvalid: something is not set.
    """
    names = {
        "machine_arn": "FLEETMEND_MACHINE_ARN",
        "role": "FLEETMEND_SCAN_ROLE",
        "external_id": "FLEETMEND_EXTERNAL_ID",
    }
    missing = [name for name in names.values() if not environ.get(name)]
    if missing:
        raise settings.SettingsInvalid(f"not set: {', '.join(missing)}")
    return Reach(**{field: environ[name] for field, name in names.items()})


def _scan(
    region: str, credentials: Mapping[str, str], kind: str, token: str, lanes: int
) -> Iterator[Batch]:
    client = inventory.scanner(region, credentials=credentials)
    return inventory.scan(client, kind, token=token, lanes=lanes)


def run(
    event: Mapping[str, Any],
    context: LambdaContext,
    environment: Settings,
    reach: Reach,
    world: World,
    *,
    scan: Scan = _scan,
    tell: Callable[[Summary], None] = lambda _: None,
) -> dict[str, Any]:
    """One call of the function in any world; `tell` hears what a run came to, when it has ended.

    Raises:
        EventUnreadable: the event is none of the four.
        PortError: AWS did not answer; what was saved stands, and a second call goes on there.
    """
    turn = _Turn(environment, reach, world, _here(context), envelope.time_left(context), scan)
    match event.get("fleetmend"):
        case "sweep":
            return turn.begin()
        case "run":
            _log.info("asked for a run by %s", _text(event, "by"))
            return turn.begin()
        case "examine":
            branch = Branch(_text(event, "account"), _text(event, "region"))
            return turn.examine(_text(event, "run"), branch)
        case "finish":
            summary = turn.finish(_text(event, "run"))
            tell(summary)
            told = ("run", "complete", "judged", "violating", "rate", "broken", "fixed")
            return {key: summary[key] for key in told}
        case other:
            raise EventUnreadable(
                f"fleetmend: {other!r} is not one of {SWEEP}, run, examine, finish"
            )


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call of the function: its settings, its world, its place, its time."""

    environment: Settings
    reach: Reach
    world: World
    here: Here
    time_left: Callable[[], timedelta]
    scan: Scan

    @property
    def archive(self) -> S3Archive:
        return S3Archive(self.world.client("s3"), self.environment.ledger_bucket)

    def begin(self) -> dict[str, Any]:
        """Plan a run of every branch, and start the machine with it."""
        in_force = parameters.read(
            ParameterStore(self.world.client("ssm")),
            self.environment,
            declared.COMPLIANCE,
            self.world.clock,
        )
        policy = in_force.policy
        if in_force.problems:
            text, why = "settings of compliance cannot be used", "; ".join(in_force.problems)
            wiring.tell_directly(self.environment, self.world, "settings-broken", text, why=why)
        if policy.mode is Mode.OFF:
            return {"run": "", "why": "the mode is off"}
        now = self.world.clock()
        branches = tuple(
            Branch(account, region)
            for account in policy.accounts or (self.here.account,)
            for region in policy.regions or (self.here.region,)
        )
        run = named(now, self.world.nonce())
        whole = Plan(run, now.date(), self._rules(), branches, policy.digest, policy.lanes)
        plan = begin(self.archive, whole)
        return {"run": run, "branches": len(branches), "execution": self._start(plan)}

    def examine(self, run: str, branch: Branch) -> dict[str, Any]:
        """Go on with one branch, with the role of its account."""
        archive = self.archive
        plan = planned(archive, run)

        def scan(kind: str, token: str) -> Iterator[Batch]:
            keys = self._credentials(plan, branch)
            yield from self.scan(branch.region, keys, kind, token, plan.lanes)

        standing = advance(
            archive,
            plan,
            branch,
            scan,
            nonce=self.world.nonce,
            enough=lambda: self.time_left() < SAVING_TIME,
        )
        return {
            "run": run,
            "account": branch.account,
            "region": branch.region,
            "done": standing.done,
            "failure": standing.failure,
        }

    def finish(self, run: str) -> Summary:
        """Commit the run, and tell what changed, what is missing, and the week's digest."""
        archive = self.archive
        plan = planned(archive, run)
        finished = finish(archive, plan, self.world.clock())
        topic = wiring.topic(self.environment, self.world)
        for kind, text, why in finished.alerts:
            topic.publish(run, Alert(f"{CONCERN}/{run}/{kind}", kind, text, why=why))
        digest = compliance_digest.owed(archive, plan, finished.summary)
        if digest:
            fact = f"{CONCERN}/weekly/{digest.week}"
            topic.publish(run, Alert(fact, "weekly", digest.text, why=digest.why))
            compliance_digest.told(archive, plan, digest)
        return finished.summary

    def _rules(self) -> Rules:
        """The rules in force; while they cannot be read, the last that could.

        Raises:
            PortError: there are none at all.
        """
        archive = self.archive
        body = archive.get(RULES_KEY)
        try:
            read = rules.decode(body or b"")
        except RulesUnreadable as error:
            text = f"{RULES_KEY} cannot be read"
            wiring.tell_directly(self.environment, self.world, "rules-broken", text, why=str(error))
            good = archive.get(GOOD_KEY)
            if good is None:
                raise PortError(f"{RULES_KEY}: {error}", remedy="fleetmend up writes it") from error
            return rules.decode(good)
        archive.put(GOOD_KEY, rules.encode(read))
        return read

    def _start(self, plan: Plan) -> str:
        """Start the machine; a run's name is its execution's, so that it is started once."""
        branches = [{"account": one.account, "region": one.region} for one in plan.branches]
        machine = self.reach.machine_arn
        try:
            started = self.world.client("stepfunctions").start_execution(
                stateMachineArn=machine,
                name=plan.run,
                input=json.dumps({"run": plan.run, "branches": branches}),
            )
        except SdkError as error:
            raise failed(PortError, f"states:StartExecution of {machine}", error) from error
        return str(started["executionArn"])

    def _credentials(self, plan: Plan, branch: Branch) -> dict[str, str]:
        """The keys of the branch's own role.

        Raises:
            ObservationFailed: the account does not let us in, or STS did not answer.
        """
        arn = f"arn:{self.here.partition}:iam::{branch.account}:role/{self.reach.role}"
        try:
            sts, named = self.world.client("sts"), self.reach.external_id
            return roles.keys(sts, arn, plan.run, ExternalId=named)
        except SdkError as error:
            raise failed(ObservationFailed, f"sts:AssumeRole of {arn}", error) from error


def _here(context: LambdaContext) -> Here:
    parts = context.invoked_function_arn.split(":")
    return Here(partition=parts[1], region=parts[3], account=parts[4])


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event.get(key)
    if not isinstance(value, str) or not value:
        raise EventUnreadable(f"{key}: {value!r} is not a text")
    return value
