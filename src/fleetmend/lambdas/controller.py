"""The entry that all controllers share: ids out of what Lambda is called with, and the one loop.

A controller is called by its queue with a batch (events, wake-ups, what operators say) and by the
scheduler with `{"fleetmend": "sweep"}`. It fails loudly: a message that was not served comes
again and ends among the dead letters, a sweep that was not complete is an error of the function.

A `Concern` is what one controller brings: its policy, how its subjects are named, and its
practice over the ports of one run. `lambdas/<concern>.py` declares it and nothing else.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any, Generic, TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext

from fleetmend.aws.parameters import ParameterStore
from fleetmend.core import loop, telling
from fleetmend.core.events import SWEEP, Retry, Run, Subjects, Undo
from fleetmend.core.fields import Declared, P
from fleetmend.core.loop import Case, Practice
from fleetmend.core.model import Mode, Record
from fleetmend.core.portions import Place
from fleetmend.core.ports import LedgerUnavailable, Lost, PortError
from fleetmend.lambdas import envelope, parameters, portions, settings, wiring
from fleetmend.lambdas.envelope import Figure
from fleetmend.lambdas.inbox import EventUnreadable, Inbox, Word, is_batch, open_batch
from fleetmend.lambdas.parameters import InForce
from fleetmend.lambdas.report import of_case, of_record, report
from fleetmend.lambdas.settings import Settings, SettingsInvalid
from fleetmend.lambdas.wiring import Wired, World

S = TypeVar("S")


class RunIncomplete(Exception):
    """Some subjects were not served; all others were. The message names the first few."""


@dataclass(frozen=True, slots=True)
class Bound(Generic[S]):
    """A concern over the ports of one run; `subjects` lists what a sweep must look at.

    Open incidents need not be among them: the ledger names those. `settle` hears what became of
    a sweep's subjects. `beside` lists what a batch looks at besides what its messages name; it
    gets all that they name, and of these what AWS's events name.
    `changed` lists whom a run changed, where that can be taken back. With a `place` a sweep goes in
    portions, and what it has no time for is where the next one begins.
    """

    practice: Practice[S]
    subjects: Callable[[], Sequence[str]]
    settle: Callable[[Sequence[Case[S]]], None] = lambda _: None
    beside: Callable[[Collection[str], Collection[str]], Sequence[str]] = lambda _, __: ()
    changed: Callable[[str], Sequence[str]] | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Concern(Generic[P, S]):
    """What one controller is, beyond being one.

    `bind` gets the policy in force and what the run has; where the run only watches, it binds
    the port that does nothing. `figures` are what a case tells of its subject as metrics.
    `asks_who` says whether CloudTrail is asked who is behind what is told. `debts` binds what a
    sweep that may not act still has to tell: of what the concern itself left half done.
    """

    name: str
    policy: Declared[P]
    subjects: Subjects
    bind: Callable[[P, Wired], Bound[S]]
    figures: Callable[[P, Case[S]], Iterable[Figure]] = lambda _, __: ()
    asks_who: Callable[[P], bool] = lambda _: False
    debts: Callable[[P, Wired], Bound[S]] | None = None


@dataclass(frozen=True, slots=True)
class Served(Generic[P, S]):
    """What a call of the function came to; `inbox` is the batch it was called with, if any."""

    cases: Sequence[Case[S]]
    in_force: InForce[P]
    inbox: Inbox | None = None


def handler(
    concern: Concern[P, S],
) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
    """What Lambda calls: `run` in this container's world, with logs and metrics around it.

    What it gives raises `SettingsInvalid` where the environment is incomplete, and what `run`
    raises.
    """

    def entry(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        environment, world = _container()
        with envelope.opened(concern.name, context) as tell:

            def told(served: Served[P, S]) -> None:
                policy = served.in_force.policy
                tell(served.cases)
                for case in served.cases:
                    envelope.measured(concern.name, concern.figures(policy, case))
                if not is_batch(event):
                    envelope.swept(served.cases, world.clock())

            return run(event, context, concern, environment, world, told)

    return entry


def run(
    event: Mapping[str, Any],
    context: LambdaContext,
    concern: Concern[P, S],
    environment: Settings,
    world: World,
    tell: Callable[[Served[P, S]], None] = lambda _: None,
) -> dict[str, Any]:
    """One call of the function in any world; returns what Lambda is to be answered.

    Args:
        event: a batch of the queue, or a sweep.
        context: Lambda's context, for the time that is left.
        concern: whose function it is.
        environment: the function's own.
        world: where it runs; the lab brings its own.
        tell: hears what the call came to.

    Raises:
        EventUnreadable: the event is neither a batch nor a sweep.
        SettingsInvalid: the function is given too little time.
        PortError: AWS did not let the run begin: the settings or the ledger could not be read.
        RunIncomplete: a sweep left subjects out; all others were served.
        BatchProcessingError: no message of the batch could be served.
    """
    served = serve(event, concern, environment, world, envelope.time_left(context))
    tell(served)
    if served.inbox is not None:
        return envelope.partial_failures(event, served.inbox.failures, context)
    _raise_if_incomplete(served.cases)
    return {"subjects": len(served.cases)}


@cache
def _container() -> tuple[Settings, World]:
    """What is made once in a container's life."""
    return settings.from_environ(os.environ), wiring.lambda_world()


def serve(
    event: Mapping[str, Any],
    concern: Concern[P, S],
    environment: Settings,
    world: World,
    time_left: Callable[[], timedelta],
) -> Served[P, S]:
    """Do what the event asks for; the failures of messages and subjects are in the answer.

    Raises:
        EventUnreadable: the event is neither a batch nor a sweep.
        SettingsInvalid: the function is given too little time.
        PortError: the settings or the ledger could not be read: nothing was begun.
    """
    batch = open_batch(event, concern.subjects) if is_batch(event) else None
    if batch is None and event.get("fleetmend") != SWEEP:
        raise EventUnreadable('called with neither a batch nor {"fleetmend": "sweep"}')
    if time_left() < wiring.SHORTEST_TIMEOUT:
        least = wiring.SHORTEST_TIMEOUT.total_seconds()
        raise SettingsInvalid(f"the function's time-out is too short to start anything: {least} s")
    store = ParameterStore(world.client("ssm"))
    in_force = parameters.read(store, environment, concern.policy, world.clock)
    if in_force.problems:
        text, why = "settings of this installation cannot be used", "; ".join(in_force.problems)
        wiring.tell_directly(environment, world, "settings-broken", text, why=why)
    if in_force.claimed:
        wiring.tell_directly(environment, world, "claimed", in_force.claimed, quiet=wiring.SETTLED)
    turn = _Turn(concern, environment, world, in_force, time_left)
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


def _raise_if_incomplete(cases: Sequence[Case[S]]) -> None:
    """A sweep's failures as one error.

    Raises:
        RunIncomplete: names how many subjects were not served, and the first five with reasons.
    """
    failed = [case for case in cases if case.failure]
    if failed:
        first = "; ".join(f"{case.subject}: {case.failure}" for case in failed[:5])
        raise RunIncomplete(f"{len(failed)} of {len(cases)} subjects were not served: {first}")


@dataclass(frozen=True, slots=True)
class _Turn(Generic[P, S]):
    """One call of the function: its settings, its world, its time."""

    concern: Concern[P, S]
    environment: Settings
    world: World
    in_force: InForce[P]
    time_left: Callable[[], timedelta]

    @property
    def mode(self) -> Mode:
        return self.in_force.policy.mode

    def sweep(self, *, plan: bool) -> list[Case[S]]:
        """Look at all that the concern lists, and at every open incident."""
        debts = [] if plan or self.mode is Mode.ACT else self._debts()
        if self.mode is Mode.OFF:
            return debts
        wired = self._wire(plan=plan)
        hints = wired.ports.ledger.open()
        bound = self._bind(wired)
        looks = dict.fromkeys(bound.subjects())
        serve = partial(loop.run, bound.practice, wired.ports)
        if bound.place is None:
            cases = serve(looks, hints=hints)
        else:
            cases = portions.serve(serve, bound.place, looks, hints, self.time_left, keeps=not plan)
        bound.settle(cases)
        return [*debts, *cases]

    def _debts(self) -> list[Case[S]]:
        """Told from the true records: what we did is never left in silence."""
        if self.concern.debts is None:
            return []
        wired = wiring.build(self.environment, Mode.ACT, self.world, self.time_left)
        bound = self.concern.debts(self.in_force.policy, wired)
        looks = dict.fromkeys(bound.subjects())
        return loop.run(bound.practice, wired.ports, looks) if looks else []

    def batch(self, inbox: Inbox) -> list[Case[S]]:
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
        cases = self._look(wired, inbox, looks, hinted)
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
        why = f"{error}. {error.remedy}".removesuffix(". ")
        text = "the ledger does not answer; incidents are not worked on until it does"
        wiring.tell_directly(self.environment, self.world, "ledger-unavailable", text, why=why)

    def _wire(self, *, plan: bool) -> Wired:
        return wiring.build(
            self.environment,
            self.mode,
            self.world,
            self.time_left,
            plan=plan,
            asks_who=self.concern.asks_who(self.in_force.policy),
        )

    def _bind(self, wired: Wired) -> Bound[S]:
        return self.concern.bind(self.in_force.policy, wired)

    def _look(
        self, wired: Wired, inbox: Inbox, looks: Mapping[str, int | None], hinted: set[str]
    ) -> list[Case[S]]:
        """A look that comes while the mode is off is dropped: the sweep finds it afterwards."""
        if self.mode is Mode.OFF or not looks:
            return []
        bound = self._bind(wired)
        notices = filter(telling.is_notice, hinted)
        looks = {**dict.fromkeys([*bound.beside(looks, inbox.events()), *notices]), **looks}
        return loop.run(bound.practice, wired.ports, looks, hints=sorted(hinted & set(looks)))

    def _amend(self, wired: Wired, inbox: Inbox, message: str, word: Word) -> dict[str, Record]:
        """Put a person's word into the records it is about; by subject, as they then stand.

        While the mode is observe it goes into both ledgers: decisions are made from the one of
        what would be, and the word is meant for when the mode is act again.
        """
        bound = self._bind(wired)
        way, amended = bound.practice, dict[str, Record]()
        try:
            for subject in self._meant(bound, wired, word):
                amended[subject] = loop.amend(way, wiring.on_records(wired), subject, word)
                if wired.watching:
                    loop.amend(way, wired.ports, subject, word)
        except PortError as error:
            inbox.failures[message] = error
            if isinstance(error, LedgerUnavailable):
                self.tell_of_ledger(error)
        return amended

    def _meant(self, bound: Bound[S], wired: Wired, word: Word) -> Sequence[str]:
        """Whom a word is about.

        Raises:
            PortError: the ledger did not answer, or the concern cannot take anything back.
        """
        if isinstance(word, Undo):
            if bound.changed is None:
                raise PortError(f"{self.concern.name} changes nothing that can be undone")
            return [word.subject] if word.subject else bound.changed(word.of)
        if isinstance(word, Retry) and not word.subject:
            return wired.records.open()
        return [word.subject]

    def _answer_word(
        self,
        wired: Wired,
        inbox: Inbox,
        message: str,
        records: Mapping[str, Record],
        cases: Sequence[Case[S]],
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

    def _answer_run(self, wired: Wired, inbox: Inbox, message: str, run: Run) -> list[Case[S]]:
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
        problems = [*self.in_force.problems, *filter(None, [self.in_force.claimed])]
        if self.mode is Mode.OFF:
            problems.append("the mode is off: nothing was looked at")
        body = report(
            asking.run,
            concern=self.concern.name,
            asked=asked,
            by=asking.by,
            mode=self.mode,
            plan=plan,
            at=wired.ports.ledger.now(),
            subjects=subjects,
            problems=problems,
        )
        try:
            wired.reports.write(asking.run, body)
        except (PortError, ValueError) as error:
            inbox.failures[message] = error
