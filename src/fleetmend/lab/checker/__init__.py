"""The history checker: whether what was recorded keeps the promises, whatever the code says.

It reads the tape of a simulation (records as they were written, calls as they were sent, and
what was really so) and knows the specification, not the product. Each rule is a function that
yields violations; `check` asks them all.
"""

from fleetmend.lab.checker import (
    acts,
    health,
    leave,
    mass,
    mends,
    rebuilds,
    records,
    remedies,
    retypes,
)
from fleetmend.lab.checker.evidence import GroupLaw, Law, RemedyLaw, Violation, gather, live_intent
from fleetmend.lab.tape import Tape

AT_LAST = (*mends.AT_LAST, *records.AT_LAST, *rebuilds.AT_LAST, *retypes.AT_LAST)
"""What must have come true once a history is over and nothing disturbs it any more."""

__all__ = ["GroupLaw", "Law", "RemedyLaw", "Violation", "check", "duplicates"]


def check(tape: Tape, law: Law, *, quiet: bool = False) -> list[Violation]:
    """All violations, in order of time.

    Args:
        tape: what was recorded.
        law: what is promised.
        quiet: the history ends with time enough and no fault, so that everything must have
            been settled and told, and a second pass change nothing.
    """
    evidence = gather(tape, law)
    if law.groups is not None or law.remedies is not None:
        found = [*health.judged(evidence, law.groups)] if law.groups else []
        found += remedies.judged(evidence, law.remedies) if law.remedies else []
        rules = [acts.overlapping_intents, *records.OF_ANY]
        if quiet:
            found += health.left_behind(evidence, law.groups) if law.groups else []
            rules.append(records.told_at_last)
        found += [violation for rule in rules for violation in rule(evidence)]
        return sorted(found, key=lambda violation: violation.at)
    rules = [*acts.RULES, *leave.RULES, *mass.RULES, *mends.RULES]
    rules += [*rebuilds.RULES, *retypes.RULES, *records.ALWAYS]
    if quiet:
        rules += AT_LAST if leave.is_ours_at_last(evidence) else (records.told_at_last,)
    found = [violation for rule in rules for violation in rule(evidence)]
    return sorted(found, key=lambda violation: violation.at)


def duplicates(tape: Tape, law: Law) -> int:
    """How many starts were sent without a live intent because their run was frozen before them.

    EC2 takes no fencing token, so no protocol can prevent these; they are counted instead.
    """
    evidence = gather(tape, law)
    return sum(
        call.frozen and call.took_effect and not live_intent(evidence, subject, call)
        for subject in evidence.subjects.values()
        for call in subject.starts
    )
