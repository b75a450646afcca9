"""Recovery's entry: takes ids out of what Lambda is called with, and runs the one loop.

It is called by the queue with a batch (EC2 events, wake-ups, what operators say) and by the
scheduler with `{"fleetmend": "sweep"}`. It fails loudly: a message that was not served comes
again and ends among the dead letters, a sweep that was not complete is an error of the function.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from fleetmend.core import loop
from fleetmend.core.events import SWEEP, Retry, Run
from fleetmend.core.loop import Case
from fleetmend.core.model import Instance, Mode, Record, RecoveryPolicy
from fleetmend.core.ports import LedgerUnavailable, Lost, PortError
from fleetmend.core.practices import recovering
from fleetmend.lambdas import envelope, parameters, settings, wiring
from fleetmend.lambdas.inbox import EventUnreadable, Inbox, Word, is_batch, open_batch
from fleetmend.lambdas.parameters import InForce
from fleetmend.lambdas.report import of_case, of_record, report
from fleetmend.lambdas.settings import Settings, SettingsInvalid
from fleetmend.lambdas.wiring import Wired, World


class RunIncomplete(Exception):
    """Some subjects were not served; all others were. The message names the first few."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a call of the function came to; `inbox` is the batch it was called with, if any."""

    cases: Sequence[Case[Instance]]
    in_force: InForce
    inbox: Inbox | None = None


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls: `run` in this container's world, with logs and metrics around it.

    Raises:
        SettingsInvalid: the environment is incomplete.
        Exception: what `run` raises.
    """
    concern, world = _container()
    with envelope.opened(concern.concern, context) as tell:

        def told(cases: Sequence[Case[Instance]]) -> None:
            tell(cases)
            if not is_batch(event):
                envelope.swept(cases, world.clock())

        return run(event, context, concern, world, told)


def run(
    event: Mapping[str, Any],
    context: LambdaContext,
    concern: Settings,
    world: World,
    tell: Callable[[Sequence[Case[Instance]]], None] = lambda _: None,
) -> dict[str, Any]:
    """One call of the function in any world; returns what Lambda is to be answered.

    Args:
        event: a batch of the queue, or a sweep.
        context: Lambda's context, for the time that is left.
        concern: the function's environment.
        world: where it runs; the lab brings its own.
        tell: hears what became of every subject.

    Raises:
        EventUnreadable: the event is neither a batch nor a sweep.
        SettingsInvalid: the function is given too little time.
        PortError: AWS did not let the run begin: the settings or the ledger could not be read.
        RunIncomplete: a sweep left subjects out; all others were served.
        BatchProcessingError: no message of the batch could be served.
    """
    served = serve(event, concern, world, envelope.time_left(context))
    tell(served.cases)
    if served.inbox is not None:
        return envelope.partial_failures(event, served.inbox.failures, context)
    raise_if_incomplete(served.cases)
    return {"subjects": len(served.cases)}


@cache
def _container() -> tuple[Settings, World]:
    """What is made once in a container's life."""
    return settings.from_environ(os.environ), wiring.lambda_world()


def serve(
    event: Mapping[str, Any], concern: Settings, world: World, time_left: Callable[[], timedelta]
) -> Served:
    """Do what the event asks for; the failures of messages and subjects are in the answer.

    Raises:
        EventUnreadable: the event is neither a batch nor a sweep.
        SettingsInvalid: the function is given too little time.
        PortError: the settings or the ledger could not be read: nothing was begun.
    """
    batch = open_batch(event) if is_batch(event) else None
    if batch is None and event.get("fleetmend") != SWEEP:
        raise EventUnreadable('called with neither a batch nor {"fleetmend": "sweep"}')
    if time_left() < wiring.SHORTEST_TIMEOUT:
        least = wiring.SHORTEST_TIMEOUT.total_seconds()
        raise SettingsInvalid(f"the function's time-out is too short to start anything: {least} s")
    in_force = parameters.read(world.client("ssm"), concern)
    if in_force.problems:
        text = "nothing is started until this is put right: " + "; ".join(in_force.problems)
        wiring.tell_directly(concern, world, "settings-broken", text)
    turn = _Turn(concern, world, in_force, time_left)
    try:
        cases = turn.sweep(plan=False) if batch is None else turn.batch(batch)
    except LedgerUnavailable as error:
        turn.tell_of_ledger(error)
        raise
    for case in cases:
        if isinstance(case.failure, LedgerUnavailable):
            turn.tell_of_ledger(case.failure)
            break
    return Served(cases, in_force, batch)


def raise_if_incomplete(cases: Sequence[Case[Instance]]) -> None:
    """A sweep's failures as one error.

    Raises:
        RunIncomplete: names how many subjects were not served, and the first five with reasons.
    """
    failed = [case for case in cases if case.failure]
    if failed:
        first = "; ".join(f"{case.subject}: {case.failure}" for case in failed[:5])
        raise RunIncomplete(f"{len(failed)} of {len(cases)} subjects were not served: {first}")


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call of the function: its settings, its world, its time."""

    concern: Settings
    world: World
    in_force: InForce
    time_left: Callable[[], timedelta]

    @property
    def policy(self) -> RecoveryPolicy:
        return self.in_force.policy

    def sweep(self, *, plan: bool) -> list[Case[Instance]]:
        """Look at all that is down, and at every open incident."""
        if self.policy.mode is Mode.OFF:
            return []
        wired = self._wire(plan=plan)
        hints = wired.ports.ledger.open()
        down = wired.fleet.stopped(self.policy.selector)
        way = recovering(wired.fleet, self.policy)
        return loop.run(way, wired.ports, dict.fromkeys(down), hints=hints)

    def batch(self, inbox: Inbox) -> list[Case[Instance]]:
        """Serve the messages: people's words first, then one run for all looks.

        Listing the hints comes first of all: it tells the store's time before anything is
        observed, and lets a closed incident take its hint with it.
        """
        wired = self._wire(plan=False)
        hinted = set(wired.ports.ledger.open())
        answered = {
            message: self._amend(wired, inbox, message, word)
            for message, word in inbox.words.items()
        }
        looks = inbox.subjects()
        for records in answered.values():
            looks.update(dict.fromkeys(records))
        cases = self._look(wired, looks, hinted)
        for case in cases:
            if case.failure:
                inbox.fail(case.subject, case.failure)
        for message, records in answered.items():
            self._answer_word(wired, inbox, message, records, cases)
        for message, run in inbox.runs.items():
            cases = [*cases, *self._answer_run(wired, inbox, message, run)]
        return cases

    def tell_of_ledger(self, error: LedgerUnavailable) -> None:
        """No record can owe this alert: the ledger is what cannot be reached."""
        text = f"{error}. Incidents are not worked on until it answers. {error.remedy}"
        wiring.tell_directly(self.concern, self.world, "ledger-unavailable", text.strip())

    def _wire(self, *, plan: bool) -> Wired:
        return wiring.build(self.concern, self.policy, self.world, self.time_left, plan=plan)

    def _look(
        self, wired: Wired, looks: Mapping[str, int | None], hinted: set[str]
    ) -> list[Case[Instance]]:
        """A look that comes while the mode is off is dropped: the sweep finds it afterwards."""
        if self.policy.mode is Mode.OFF or not looks:
            return []
        way = recovering(wired.fleet, self.policy)
        return loop.run(way, wired.ports, looks, hints=sorted(hinted & set(looks)))

    def _amend(self, wired: Wired, inbox: Inbox, message: str, word: Word) -> dict[str, Record]:
        """Put a person's word into the records it is about; by subject, as they then stand.

        While the mode is observe it goes into both ledgers: decisions are made from the one of
        what would be, and the word is meant for when the mode is act again.
        """
        way = recovering(wired.fleet, self.policy)
        amended: dict[str, Record] = {}
        try:
            everyone = isinstance(word, Retry) and not word.subject
            for subject in wired.records.open() if everyone else [word.subject]:
                amended[subject] = loop.amend(way, wiring.on_records(wired), subject, word)
                if wired.watching:
                    loop.amend(way, wired.ports, subject, word)
        except PortError as error:
            inbox.failures[message] = error
            if isinstance(error, LedgerUnavailable):
                self.tell_of_ledger(error)
        return amended

    def _answer_word(
        self,
        wired: Wired,
        inbox: Inbox,
        message: str,
        records: Mapping[str, Record],
        cases: Sequence[Case[Instance]],
    ) -> None:
        """Report to whoever said the word.

        A word that was lost to other writers or to the ledger is not answered but tried again,
        when the message comes again. One that cannot be taken at all is answered and done.
        """
        word, failure = inbox.words[message], inbox.failures.get(message)
        if isinstance(failure, (LedgerUnavailable, Lost)) or not word.run:
            return
        looked = {case.subject: case for case in cases}
        subjects = [
            of_case(looked[subject]) if subject in looked else of_record(subject, record)
            for subject, record in records.items()
        ]
        if failure:
            subjects.append(of_record(word.subject, None, str(failure)))
        inbox.failures.pop(message, None)
        asked = type(word).__name__.lower()
        self._report(wired, inbox, message, word, asked=asked, plan=False, subjects=subjects)

    def _answer_run(
        self, wired: Wired, inbox: Inbox, message: str, run: Run
    ) -> list[Case[Instance]]:
        try:
            cases = self.sweep(plan=run.plan)
        except PortError as error:
            inbox.failures[message] = error
            return []
        subjects = [of_case(case) for case in cases]
        self._report(wired, inbox, message, run, asked="run", plan=run.plan, subjects=subjects)
        return cases

    def _report(
        self,
        wired: Wired,
        inbox: Inbox,
        message: str,
        asking: Word | Run,
        *,
        asked: str,
        plan: bool,
        subjects: Sequence[Mapping[str, Any]],
    ) -> None:
        problems = list(self.in_force.problems)
        if self.policy.mode is Mode.OFF:
            problems.append("the mode is off: nothing was looked at")
        body = report(
            asking.run,
            concern=self.concern.concern,
            asked=asked,
            by=asking.by,
            mode=self.policy.mode,
            plan=plan,
            at=wired.ports.ledger.now(),
            subjects=subjects,
            problems=problems,
        )
        try:
            wired.reports.write(asking.run, body)
        except (PortError, ValueError) as error:
            inbox.failures[message] = error
