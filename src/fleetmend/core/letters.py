"""An alert as what is sent: a subject line and a text for people, one JSON object for machines.

Pure, so that every mail can be shown in a table (docs/alerts.md is made by this). Times are UTC
and say so.

The object's keys are a contract (docs/alert.schema.json): within one `schema`, keys are added and
none is taken away, renamed or given another meaning.
"""

import shlex
import textwrap
from dataclasses import dataclass
from datetime import UTC

from fleetmend.core.meaning import Meaning
from fleetmend.core.meanings import meaning
from fleetmend.core.model import Alert
from fleetmend.core.times import utc

SCHEMA = 1
"""Goes up when a key is taken away or changes its meaning."""

SUBJECT_LINE = 100
"""SNS Publish: the subject is ASCII, at most 100 characters, without line breaks."""

UNREADABLE = "unreadable:"
"""What the notice about a record begins with that cannot be read; the rest is whose it is."""

DIGEST = "digest:"
"""What a notice about many begins with; the rest is made of the facts it carries."""

_WIDTH = 72
_TEXT = 6_000
"""Characters of what happened. SNS takes 256 KB in all, the text stands in it three times, and a
character may become seven bytes of JSON within JSON."""

_CAUSE = 1_500
_ENDS = 200
"""Subjects whose end one message tells: more than a digest carries in any but the worst hour."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells: the installation and where it is."""

    project: str
    suffix: str
    account: str
    region: str

    @property
    def installation(self) -> str:
        """How people tell this installation from others: `fleetmend-dev`."""
        return f"{self.project}-{self.suffix}"

    def options(self) -> str:
        """What makes a command of `fleetmend` speak to this installation, wherever it is typed."""
        project = "" if self.project == "fleetmend" else f" --project {self.project}"
        return f" -e {self.suffix}{project} --region {self.region}"


@dataclass(frozen=True, slots=True)
class Who:
    """Who is behind it: the sentence for people, and the callers' ARNs, the busiest first."""

    says: str
    principals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One alert with all that is to be said of it. `yours` is empty when nothing is."""

    sender: Sender
    concern: str
    subject: str
    alert: Alert
    meaning: Meaning
    who: Who | None = None

    @property
    def about(self) -> str:
        """What people know it by: the subject, without what marks a notice about it."""
        return self.subject.removeprefix(UNREADABLE)

    @property
    def headline(self) -> str:
        """What happened, in a few words."""
        return self._filled(self.meaning.headline)

    @property
    def done(self) -> str:
        """What was done about it."""
        return self.alert.done or self.meaning.done

    @property
    def yours(self) -> str:
        """What is left to a person."""
        return self._filled(self.meaning.yours)

    @property
    def command(self) -> str:
        """The one command that helps, or shows more."""
        filled = self._filled(self.meaning.command, shlex.quote(self.about))
        return f"{filled}{self.sender.options()}" if filled.startswith("fleetmend") else filled

    @property
    def incident(self) -> str:
        """The same for all that is told of one trouble, so that its end finds its beginning."""
        return self._incident(DIGEST[:-1] if self.subject.startswith(DIGEST) else self.subject)

    @property
    def ends(self) -> list[str]:
        """The incidents that are over with this one message."""
        own = [self.incident] if self.meaning.over else []
        return own + [self._incident(subject) for subject in self.alert.ends[:_ENDS]]

    def _incident(self, subject: str) -> str:
        return f"{self.sender.installation}/{self.concern}/{subject}"

    def _filled(self, words: str, about: str = "") -> str:
        line = (self.alert.text.splitlines() or [""])[0]
        whose = "" if self.concern == "recovery" else f" --concern {self.concern}"
        for name, value in (("subject", about or self.about), ("whose", whose), ("line", line)):
            words = words.replace(f"{{{name}}}", value)
        return words


def letter(
    sender: Sender, concern: str, subject: str, alert: Alert, who: Who | None = None
) -> Letter:
    """All that is to be said of an alert; `who` is None where nobody asked."""
    return Letter(sender, concern, subject, alert, meaning(concern, alert.kind), who)


def subject_line(of: Letter) -> str:
    """The line that is read on a telephone: whose turn it is, and what happened."""
    turn = "YOURS: " if of.yours else ""
    text = f"[{of.sender.installation}] {turn}{of.headline}"
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return plain if len(plain) <= SUBJECT_LINE else plain[: SUBJECT_LINE - 3] + "..."


def mail(of: Letter) -> str:
    """The mail that a tired person understands."""
    alert = of.alert
    parts = [
        of.headline[:200],
        _part("What happened", alert.text[:_TEXT]),
        _part("Why", alert.why[:_CAUSE]),
        _part("Who", of.who.says if of.who else ""),
        _part("What was done", of.done),
        _part("What is yours to do", of.yours or "Nothing."),
        f"    {of.command}",
        _part("Where", f"{of.concern} of {of.sender.installation}, {_place(of.sender)}"),
        _part("Since", utc(alert.since) if alert.since else ""),
        _part("Reference", alert.fact),
    ]
    return _clean("\n\n".join(part for part in parts if part) + "\n")


def message(of: Letter) -> dict[str, object]:
    """The object for machines."""
    alert = of.alert
    return {
        "schema": SCHEMA,
        "source": "fleetmend",
        "installation": of.sender.installation,
        "account": of.sender.account,
        "region": of.sender.region,
        "concern": of.concern,
        "subject": of.subject,
        "kind": alert.kind,
        "fact": alert.fact,
        "incident": of.incident,
        "ends": of.ends,
        "severity": of.meaning.severity,
        "since": alert.since and alert.since.astimezone(UTC).isoformat(timespec="seconds"),
        "headline": of.headline[:_CAUSE],
        "text": sentence(of),
        "what": alert.text[:_TEXT],
        "why": alert.why[:_CAUSE],
        "who": of.who.says if of.who else "",
        "principals": list(of.who.principals) if of.who else [],
        "done": of.done,
        "yours": of.yours,
        "command": of.command,
    }


def sentence(of: Letter) -> str:
    """All of it in one text, for who shows nothing else."""
    why = f": {of.alert.why[:_CAUSE].rstrip('.')}" if of.alert.why else ""
    turn = f" Yours: {of.yours} {of.command}" if of.yours else ""
    return f"{of.alert.text[:_TEXT]}{why}. {of.done}{turn}"


def _part(title: str, text: str) -> str:
    if not text:
        return ""
    lines = [_wrapped(line) for line in text.splitlines()]
    return "\n".join([title.upper(), *lines])


def _wrapped(line: str) -> str:
    """One line of a text within the mail's width; what a list's line goes on with is set in."""
    deeper = "    " if line.startswith("- ") else "  "
    return textwrap.fill(
        line,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent=deeper,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _clean(text: str) -> str:
    """Without what no mail may hold: control characters, but for the ends of lines."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _place(sender: Sender) -> str:
    return f"account {sender.account}, {sender.region}"
