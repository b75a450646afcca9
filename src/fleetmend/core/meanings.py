"""What each kind of alert means to whoever is woken by it: how grave, what was done, what is left.

A row for each kind of `core/kinds.py`, whichever concern tells it; a concern that means something
else by the same word has a row of its own. A kind that no row knows (a newer release wrote it)
sends people to the record.
"""

from collections.abc import Mapping

from fleetmend.core.kinds import AlertKind
from fleetmend.core.meaning import Meaning

_RETRY = "fleetmend retry {subject}{whose}"
_STOP = "StopInstances"
_END = "TerminateInstances"

_COMMON: Mapping[AlertKind, Meaning] = {
    "agent-silent": Meaning(
        "the SSM agent of {subject} is silent",
        "warning",
        done="Nothing: it may serve well without its agent.",
        yours="See whether the agent runs and reaches its endpoints.",
    ),
    "all-clear": Meaning(
        "{line}",
        "info",
        done="Each was verified, and its incident is closed.",
        command="fleetmend status",
    ),
    "attempt-failed": Meaning(
        "{subject} could not be started",
        "warning",
        done="It is tried again by itself.",
        asks=_STOP,
    ),
    "capacity": Meaning(
        "{subject} waits for capacity",
        "warning",
        done="It is tried again by itself; nothing was started, and no attempt is spent.",
        asks=_STOP,
    ),
    "changed": Meaning(
        "compliance has changed: {line}",
        "info",
        done="The findings and the report are written; nothing was touched.",
        yours="Have the new ones tagged by their owners.",
        command="fleetmend query worst-owners",
    ),
    "claimed": Meaning(
        "another installation has the same tag: {subject} only observes",
        "error",
        done="This installation observes, so that two do not act on the same instances.",
        yours="If that is not meant, give one of the two another tag, or take it down.",
        command="fleetmend mode",
    ),
    "deferred": Meaning(
        "{subject} is down, and AWS has no time",
        "warning",
        done="It is tried again by itself; nothing was started, and no attempt is spent.",
        asks=_STOP,
    ),
    "digest": Meaning(
        "{line}",
        "error",
        done="Each has its record, and is worked on for itself.",
        yours="Look through the list, the gravest first.",
        command="fleetmend status",
        asks=_STOP,
    ),
    "drifted": Meaning(
        "{subject} has lost something that hung on it",
        "error",
        done="Nothing more by itself.",
        yours="See that it has again what it needs.",
    ),
    "exhausted": Meaning(
        "{subject} stays down",
        "critical",
        done="Nothing more is tried by itself.",
        yours="Mend the cause, then have it tried again.",
        command=_RETRY,
        asks=_STOP,
    ),
    "failed": Meaning(
        "a call for {subject} failed",
        "warning",
        done="The next sweep tries again.",
    ),
    "filled": Meaning(
        "{subject} was given a tag that it lacked",
        "info",
        done="It was missing; nothing was overwritten.",
        command="fleetmend undo {subject}",
    ),
    "gone": Meaning(
        "{subject} is gone",
        "critical",
        done="The incident is closed: what does not exist cannot be started.",
        yours="If that was not meant, make it again.",
        asks=_END,
    ),
    "impaired": Meaning(
        "{subject} runs, and a status check fails",
        "error",
        done="It is looked at every half minute.",
        yours="Look at its system log.",
    ),
    "incomplete": Meaning(
        "compliance could not see everything",
        "error",
        done="The report is of what could be seen; the rest keeps its last findings.",
        yours="Let the function's role into those accounts and regions.",
        command="fleetmend query trend",
    ),
    "late": Meaning(
        "a replacement in {subject} does not come",
        "error",
        done="The mark stays, and it is looked at with every sweep.",
        yours="Look at the group's scaling activities.",
    ),
    "ledger-unavailable": Meaning(
        "{subject} cannot reach its ledger",
        "critical",
        done="Nothing: an act that is not written down could be done twice.",
        yours="See that the bucket, its key and the function's role are as installed.",
        command="fleetmend status",
    ),
    "left-down": Meaning(
        "{subject} was stopped by us, and stays down",
        "critical",
        done="It is not started while something says that it is to be left alone.",
        yours="Start it, or end what holds it.",
        command="aws ec2 start-instances --instance-ids {subject}",
    ),
    "late-suspension": Meaning(
        "a suspension of ours came late to {subject}",
        "warning",
        done="It counts as ours: it is ended when there is no outage, and marks are reset before.",
        yours="If it was you who suspended ReplaceUnhealthy, do it again when it has been resumed.",
        command="fleetmend status",
    ),
    "left-suspended": Meaning(
        "{subject} left our scope with a suspension of ours",
        "error",
        done="Nothing: it is no longer ours to touch.",
        yours="Resume ReplaceUnhealthy by hand.",
        command="aws autoscaling resume-processes --auto-scaling-group-name {subject} "
        "--scaling-processes ReplaceUnhealthy",
    ),
    "mass-impaired": Meaning(
        "many instances are impaired at once",
        "critical",
        done="Nothing is rebooted or moved: that would add load to what fails already.",
        yours="Look at the AWS Health Dashboard, and for what they have in common.",
        command="fleetmend status",
    ),
    "mass-impaired-over": Meaning(
        "so many are impaired no longer",
        "info",
        done="What still is gets mended one by one.",
        command="fleetmend status",
        over=True,
    ),
    "mass-stop": Meaning(
        "a mass stop",
        "critical",
        done="Nothing is started.",
        yours="CloudTrail's event history has who called StopInstances. If it was not meant, have "
        "them started, unless they are already.",
        command="fleetmend retry --all",
        asks=_STOP,
    ),
    "mass-stop-over": Meaning(
        "the mass stop is over",
        "info",
        done="Starts go on as usual.",
        command="fleetmend status",
        over=True,
    ),
    "mended": Meaning(
        "{subject} has again all that it had",
        "info",
        done="The incident is closed.",
        over=True,
    ),
    "no-root-volume": Meaning(
        "{subject} has no root volume",
        "critical",
        done="It is not started: EC2 would refuse.",
        yours="Attach its root volume; the next sweep starts it.",
        asks=_STOP,
    ),
    "one-zone": Meaning(
        "{subject} stands in one zone",
        "warning",
        done="Nothing: it works.",
        yours="See why the group launches in one zone only.",
    ),
    "outage": Meaning(
        "{subject} looks like an outage",
        "critical",
        done="Nothing is replaced, and Auto Scaling's own replacing is suspended for a while.",
        yours="Find what they have in common: a zone, a release, a dependency.",
    ),
    "rebuilt": Meaning(
        "{subject} is rebuilt",
        "info",
        done="The new instance is verified, and the incident is closed.",
        over=True,
        asks=_END,
    ),
    "recovered": Meaning(
        "{subject} runs again",
        "info",
        done="Every status check was seen to be ok, and the incident is closed.",
        over=True,
    ),
    "replaced": Meaning(
        "an instance of {subject} is replaced",
        "info",
        done="Its successor was seen at work and well.",
    ),
    "rules-broken": Meaning(
        "the rules of compliance cannot be read",
        "error",
        done="The last good rules stay in force.",
        yours="Mend the rules file, and install again.",
        command="fleetmend comply --rules rules.yaml",
    ),
    "settings-broken": Meaning(
        "a setting of {subject} is missing or wrong",
        "critical",
        done="The mode is observe at most until it is put right.",
        yours="Put the parameter right; the next run reads it.",
        command="fleetmend mode",
    ),
    "started-again": Meaning(
        "{subject} was stopped, and somebody started it again",
        "info",
        done="It is not stopped once more.",
    ),
    "stopped": Meaning(
        "{subject} is stopped: it breaks a rule",
        "error",
        done="It is stopped and held, so that nothing starts it again; nothing is lost.",
        yours="Mend what the rule wants, or take the stop back.",
        command="fleetmend undo {subject}",
    ),
    "stays-impaired": Meaning(
        "{subject} runs, and stays impaired",
        "critical",
        done="Nothing more is tried by itself.",
        yours="Look at its system log and mend it, then have it tried again.",
        command=_RETRY,
    ),
    "stays-suspended": Meaning(
        "{subject} stays suspended by us",
        "error",
        done="Nothing: the mode forbids to end it, and Auto Scaling does not replace meanwhile.",
        yours="Set the mode to act, or resume ReplaceUnhealthy by hand.",
        command="fleetmend mode health act",
    ),
    "suspension-over": Meaning(
        "{subject} is still in an outage, and the suspension ends",
        "critical",
        done="Auto Scaling replaces by itself again.",
        yours="Decide whether that helps; if it does not, suspend ReplaceUnhealthy yourself.",
    ),
    "terminated": Meaning(
        "{subject} was terminated",
        "critical",
        done="Nothing: what is terminated cannot be started.",
        yours="If that was not meant, make it again.",
        asks=_END,
    ),
    "twice": Meaning(
        "{subject} was rebuilt twice",
        "error",
        done="The first is kept; nothing is terminated by itself.",
        yours="Terminate the one that is too many.",
    ),
    "type-changed": Meaning(
        "{subject} has another instance type now",
        "warning",
        done="It is started, and keeps this type; its own is in its tag fleetmend:original-type.",
        yours="See that it is large enough. To go back, stop it under a hold, and change it.",
    ),
    "type-unfit": Meaning(
        "{subject} lists an alternative type that it cannot have",
        "error",
        done="That one is left out; it is tried with the others, and waits for capacity.",
        yours="Mend what the reason names; mostly it is its tag.",
    ),
    "types-unknown": Meaning(
        "{subject} is given no other type, since EC2 does not tell which fit",
        "warning",
        done="It waits for capacity of its own type; types are asked for again at each look.",
        yours="See whether EC2 answers DescribeInstanceTypes, and whether the role may call it.",
    ),
    "undone": Meaning(
        "what was changed on {subject} is taken back",
        "info",
        done="It is left alone until it is released.",
        command="fleetmend release {subject}{whose}",
        over=True,
    ),
    "unreadable": Meaning(
        "a record of {subject} cannot be read",
        "critical",
        done="Nothing is done about it until somebody says so; all others go on.",
        yours="Look at what stands there, then have a new one begun.",
        command=_RETRY,
    ),
    "unsure": Meaning(
        "{subject} was terminated, and nobody can tell whether it was meant",
        "critical",
        done="It is not rebuilt.",
        yours="If it was not meant, have it rebuilt.",
        command=_RETRY,
        asks=_END,
    ),
    "unverified": Meaning(
        "{subject} runs, and its checks do not say ok",
        "error",
        done="It is looked at every half minute.",
        yours="See whether it serves.",
    ),
    "violates": Meaning(
        "{subject} breaks a rule",
        "warning",
        done="Its owner is told; where the rule stops, the time for it is named.",
        yours="Mend what the rule wants.",
    ),
    "weekly": Meaning(
        "compliance, {line}",
        "info",
        done="The report has the whole; nothing was touched.",
        command="fleetmend query oldest-unresolved",
    ),
}

_OWN: Mapping[tuple[str, AlertKind], Meaning] = {
    ("rebuild", "attempt-failed"): Meaning(
        "{subject} could not be rebuilt yet", "warning", done="It is tried again by itself."
    ),
    ("rebuild", "capacity"): Meaning(
        "the rebuild of {subject} waits for capacity",
        "warning",
        done="It is tried again by itself; nothing was launched, and no attempt is spent.",
    ),
    ("rebuild", "exhausted"): Meaning(
        "{subject} is not whole again",
        "critical",
        done="Nothing more is tried by itself.",
        yours="Mend the cause, then have it tried again.",
        command=_RETRY,
    ),
    ("rebuild", "unverified"): Meaning(
        "{subject} is rebuilt, and not healthy",
        "error",
        done="It is looked at every half minute.",
        yours="Look at the new instance's system log.",
    ),
    ("remediation", "attempt-failed"): Meaning(
        "a remedy of {subject} failed", "warning", done="The next run tries again."
    ),
    ("remediation", "exhausted"): Meaning(
        "a remedy of {subject} is given up",
        "error",
        done="Nothing more is tried by itself.",
        yours="Mend the cause, then have it tried again.",
        command=_RETRY,
    ),
    ("remediation", "mended"): Meaning(
        "{subject} breaks no rule any more", "info", done="The incident is closed.", over=True
    ),
    ("compliance", "settings-broken"): Meaning(
        "a setting of compliance is missing or wrong",
        "error",
        done="The scan goes on with what could be read.",
        yours="Put the parameter right; the next run reads it.",
        command="fleetmend mode",
    ),
}

_UNKNOWN = Meaning(
    "{subject}: {line}",
    "error",
    done="The record says what was done.",
    yours="Look at the record.",
)


_ROWS: Mapping[object, Meaning] = {**_COMMON, **_OWN}


def meaning(concern: str, kind: str) -> Meaning:
    """What an alert of this kind means when this concern tells it."""
    return _ROWS.get((concern, kind)) or _ROWS.get(kind) or _UNKNOWN
