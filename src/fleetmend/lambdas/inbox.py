"""A batch of queue messages sorted by what they ask for; each keeps its own fate.

Parsing is the core's (events.py). Here a message that cannot be understood becomes the failure
of that one message, so that it ends among the dead letters and stops no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from fleetmend.core.events import (
    Hold,
    Look,
    MessageUnreadable,
    Release,
    Retry,
    Run,
    Subjects,
    Undo,
    parse,
)

Word = Hold | Release | Retry | Undo


class EventUnreadable(ValueError):
    """The function was called with something that is neither a batch nor a sweep."""


@dataclass(slots=True)
class Inbox:
    """What a batch asks for, by message id.

    `failures` says which messages are to be delivered again; a message without one is done.
    """

    looks: dict[str, Look] = field(default_factory=dict[str, Look])
    words: dict[str, Word] = field(default_factory=dict[str, Word])
    runs: dict[str, Run] = field(default_factory=dict[str, Run])
    failures: dict[str, Exception] = field(default_factory=dict[str, Exception])

    def subjects(self) -> dict[str, int | None]:
        """Subject → revision of its wake-up; None when anything else also asks for a look.

        Two wake-ups for one subject count as the later one: the earlier has been overtaken.
        """
        wanted: dict[str, int | None] = {}
        for look in self.looks.values():
            known = wanted.get(look.subject, -1)
            revision = look.revision
            both = None if known is None or revision is None else max(known, revision)
            wanted[look.subject] = both
        return wanted

    def events(self) -> set[str]:
        """Whom AWS's events name; what a wake-up names happened before."""
        return {look.subject for look in self.looks.values() if look.revision is None}

    def fail(self, subject: str, error: Exception) -> None:
        """Every message that asked for a look at this subject is to come again."""
        for message, look in self.looks.items():
            if look.subject == subject:
                self.failures[message] = error


def is_batch(event: Mapping[str, Any]) -> bool:
    """Whether Lambda was called by the queue (Lambda Developer Guide, "Using Amazon SQS")."""
    return isinstance(event.get("Records"), list)


def open_batch(event: Mapping[str, Any], subjects: Subjects) -> Inbox:
    """The messages of a batch, about these subjects.

    Raises:
        EventUnreadable: a record has no message id, so that its failure could not be told.
    """
    inbox = Inbox()
    for record in cast("Sequence[Mapping[str, Any]]", event["Records"]):
        message = record.get("messageId")
        if not isinstance(message, str):
            raise EventUnreadable("a record of the batch has no messageId")
        _sort(inbox, message, record.get("body"), subjects)
    return inbox


def _sort(inbox: Inbox, message: str, body: object, subjects: Subjects) -> None:
    try:
        asked = parse(body if isinstance(body, str) else "", subjects)
    except MessageUnreadable as error:
        inbox.failures[message] = error
        return
    match asked:
        case Look():
            inbox.looks[message] = asked
        case Run():
            inbox.runs[message] = asked
        case _:
            inbox.words[message] = asked
