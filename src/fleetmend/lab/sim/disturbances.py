"""What goes wrong with calls and runs: rules that the timeline sets, asked at every call."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fleetmend.lab.sim.replies import LOST_WORDS, THROTTLED, AwsError, NoAnswer
from fleetmend.lab.tape import Call, Tape
from fleetmend.lab.vocabulary.aws import Disturbance, Fault, LostAnswer, Slow, Throttle
from fleetmend.lab.vocabulary.runs import AtCall, CrashAtCall, PauseAtCall


@dataclass
class Rule:
    """One disturbance in force: until when, how many calls are left, and whose calls."""

    verb: Disturbance
    until: float
    left: int | None
    ids: frozenset[str] | None
    skip: int = 0

    def takes(self, call: Call, now: float) -> bool:
        """Whether it strikes this call; counts down if it does."""
        verb = self.verb
        if now > self.until or self.left == 0:
            return False
        if verb.service not in ("*", call.service) or verb.operation not in ("*", call.operation):
            return False
        if self.ids is not None and not self.ids.intersection(call.subjects):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass
class Strike:
    """A crash or a pause that waits for its call."""

    verb: AtCall
    left: int

    def due(self, call: Call) -> bool:
        """Counts the call, and says whether it is the one."""
        verb = self.verb
        if verb.service not in ("*", call.service) or verb.operation not in ("*", call.operation):
            return False
        self.left -= 1
        return self.left == 0


@dataclass
class Disturbances:
    """All rules in force. What strikes is counted on the tape."""

    tape: Tape
    now: Callable[[], float]
    rules: list[Rule] = field(default_factory=list[Rule])
    strikes: list[Strike] = field(default_factory=list[Strike])

    def add(self, verb: Disturbance, ids: frozenset[str] | None) -> None:
        """Put a disturbance in force from now on."""
        until = float("inf") if verb.span is None else self.now() + verb.span
        self.rules.append(Rule(verb, until, verb.times, ids, verb.skip))

    def strike(self, verb: AtCall) -> None:
        """Wait for a call to strike at."""
        self.strikes.append(Strike(verb, verb.call))

    def struck(self, call: Call) -> CrashAtCall | PauseAtCall | None:
        """The crash or pause whose call this is; every call must be shown, once."""
        hits = [strike for strike in self.strikes if strike.due(call)]
        self.strikes = [strike for strike in self.strikes if strike.left > 0]
        for strike in hits:
            if isinstance(strike.verb, (CrashAtCall, PauseAtCall)):
                return strike.verb
        return None

    def delay(self, call: Call) -> float:
        """How much later the answer to this call comes, in seconds."""
        total = 0.0
        for rule in self.rules:
            if isinstance(rule.verb, Slow) and rule.takes(call, self.now()):
                self.tape.fire("answer late")
                total += rule.verb.by
        return total

    def refuse(self, call: Call) -> None:
        """Raise what this call meets instead of an answer.

        Raises:
            AwsError: the error of a fault or a throttle.
            NoAnswer: the fault is a connection that breaks before the call arrives.
        """
        for rule in self.rules:
            match rule.verb:
                case Fault() as fault if rule.takes(call, self.now()):
                    self.tape.fire(f"fault:{fault.error}")
                    if fault.error in LOST_WORDS:
                        raise NoAnswer(timed_out=fault.error == "timeout")
                    raise AwsError(fault.error, status=fault.status or 0)
                case Throttle() if rule.takes(call, self.now()):
                    self.tape.fire("throttled")
                    raise AwsError(THROTTLED[call.service], "Rate exceeded")
                case _:
                    pass

    def loses(self, call: Call) -> bool:
        """Whether the answer to this call, which took effect, never arrives."""
        for rule in self.rules:
            if isinstance(rule.verb, LostAnswer) and rule.takes(call, self.now()):
                self.tape.fire("answer lost")
                return True
        return False
