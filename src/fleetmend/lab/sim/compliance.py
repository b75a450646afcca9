"""What compliance needs of an account beside the others: accounts, regions, and a state machine.

A scan's client is of one account and region, and sees what is in there. The machine is the one
that `components/compliance_machine.py` declares, in code: a test compares their numbers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from fleetmend.core import history, rules
from fleetmend.core.rules import Rule, Rules
from fleetmend.lab.scenario import Scenario
from fleetmend.lab.sim.engine import Engine
from fleetmend.lab.sim.function import Entry, Function
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.sim.world import World
from fleetmend.lab.tape import Call

OWNED = Rules((Rule("owner", "Owner"),), "v1")
"""The rules where a scenario gives none."""

RULES_KEY = "rules/compliance.json"

AT_ONCE, TRIES, FIRST, RATE, LONGEST = 10, 5, 5.0, 3.0, 300.0
"""The machine's numbers: branches at once, more tries of a call, and the seconds between them."""

ASYNC_TRIES = 2
"""How often Lambda calls again what was called without waiting and failed (the component)."""


@dataclass
class Machine:
    """Step Functions with the one machine."""

    engine: Engine
    function: Function
    chance: Random
    executions: dict[str, str] = field(default_factory=dict[str, str])
    _inputs: dict[str, str] = field(default_factory=dict[str, str])

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            AwsError: as Step Functions would refuse it.
        """
        if operation != "StartExecution":
            raise NotImplementedError(f"states:{operation} is not simulated")
        name, given = str(params["name"]), str(params["input"])
        if self._inputs.setdefault(name, given) != given:
            raise AwsError("ExecutionAlreadyExists", "another execution has this name")
        if name not in self.executions:
            self.executions[name] = "RUNNING"
            self.engine.after(0.5, lambda: self._begin(json.loads(given)))
        arn = str(params["stateMachineArn"]).replace(":stateMachine:", ":execution:")
        return {"executionArn": f"{arn}:{name}", "startDate": self.engine.now}

    def _begin(self, given: Mapping[str, Any]) -> None:
        run, waiting = str(given["run"]), list(cast("list[dict[str, str]]", given["branches"]))
        left = len(waiting)

        def ended(_: object) -> None:
            nonlocal left
            left -= 1
            if waiting:
                examine(waiting.pop(0))
            elif not left:
                self._call({"fleetmend": "finish", "run": run}, finished)

        def examine(branch: Mapping[str, str]) -> None:
            def answered(told: Mapping[str, Any] | None) -> None:
                if told is not None and not told["done"]:
                    examine(branch)
                else:
                    ended(told)

            self._call({"fleetmend": "examine", "run": run, **branch}, answered)

        def finished(told: Mapping[str, Any] | None) -> None:
            self.executions[run] = "FAILED" if told is None else "SUCCEEDED"

        for _ in range(min(AT_ONCE, left)):
            examine(waiting.pop(0))

    def _call(self, event: Mapping[str, Any], then: Any, tried: int = 0) -> None:  # noqa: ANN401
        """Call the function, again and again as the machine's retrier does; None is given up."""

        def done(how: str, result: Any) -> None:  # noqa: ANN401 -- what a function returns
            if how == "finished":
                then(result)
            elif tried == TRIES:
                then(None)
            else:
                wait = self.chance.uniform(0.0, min(LONGEST, FIRST * RATE**tried))
                self.engine.after(wait, lambda: self._call(event, then, tried + 1))

        self.function.invoke(event, "machine", done)


class ComplianceWorld(World):
    """An account with compliance's controller, and others beside it."""

    def __init__(self, scenario: Scenario, entry: Entry, seed: int) -> None:
        super().__init__(scenario, entry, seed)
        self.machine = Machine(self.engine, self.function, self.random("machine"))
        self._services["stepfunctions"] = self.machine.handle
        self.s3.replace(RULES_KEY, rules.encode(scenario.rules if scenario.rules.rules else OWNED))

    def sweep(self) -> None:
        """What the schedule sends, again where it failed."""
        self.ask({"fleetmend": "sweep"}, "schedule")

    def ask(self, event: Mapping[str, Any], trigger: str, tried: int = 0) -> None:
        """Call the function without waiting; Lambda calls it again, after one minute and two."""

        def done(how: str, _: Any) -> None:  # noqa: ANN401 -- what a function returns
            if how != "finished" and tried < ASYNC_TRIES:
                wait = 60.0 * (tried + 1)
                self.engine.after(wait, lambda: self.ask(event, trigger, tried + 1))

        self.function.invoke(event, trigger, done)

    def _populate(self) -> None:
        super()._populate()
        home = f"{self.installed.account}/{self.installed.region}"
        for member in self.scenario.members():
            self.ec2.branches[self.fleet.named[member.name].id] = member.branch or home

    def _effect(self, call: Call) -> Any:  # noqa: ANN401 -- what a service answers
        answer = super()._effect(call)
        if call.name == "s3:PutObject":
            self._reported(call)
        return answer

    def _reported(self, call: Call) -> None:
        """Note what readers can see from now on."""
        if call.key == f"{history.LATEST}.json":
            body = cast("Mapping[str, Any]", call.written)
            named = ("run", "complete", "judged", "violating", "broken", "fixed", "by_rule")
            branches = cast("list[dict[str, str]]", body["branches"])
            failed = [f"{b['account']}/{b['region']}" for b in branches if b["failure"]]
            self.note("record", "", "report", failed=failed, **{n: body[n] for n in named})
        elif call.key.startswith(history.RUNS):
            rows = list(history.unpacked(bytes(call.params["Body"])))
            missing = [str(row["part"]) for row in rows if row["findings"] != self._there(row)]
            self.note("record", "", "committed", run=rows[0]["run"], missing=missing)

    def _there(self, row: Mapping[str, object]) -> int:
        """How many findings there are in the part that a manifest's row names."""
        name = f"/{row['run']}-{row['part']}.json.gz"
        place = f"/account={row['account']}/region={row['region']}/"
        found = [
            version
            for key, version in self.s3.objects.items()
            if key.startswith(history.FINDINGS) and key.endswith(name) and place in key
        ]
        return sum(len(list(history.unpacked(version.body))) for version in found)


def visible(world: World) -> set[tuple[object, ...]]:
    """What readers see: the findings of committed parts, without the names of runs and parts."""
    objects = {key: version.body for key, version in world.s3.objects.items()}
    rows = {
        key: list(history.unpacked(body))
        for key, body in objects.items()
        if key.startswith((history.RUNS, history.FINDINGS))
    }
    named = {(r["run"], r["part"]) for k, some in rows.items() for r in some
             if k.startswith(history.RUNS)}  # fmt: skip
    return {
        tuple(value for column, value in sorted(row.items()) if column not in {"run", "part"})
        for key, some in rows.items()
        for row in some
        if key.startswith(history.FINDINGS) and (row["run"], row["part"]) in named
    }
