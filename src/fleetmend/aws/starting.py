"""How many instances are started with few calls, although one bad one fails a whole call.

StartInstances is all or nothing: one id without capacity, one that is gone, or one instance
that the policy's tag condition no longer covers, and none is started. So a failed call is split
by its cause: by type and zone where capacity is short, without the ids that AWS names, and in
halves where it names none.

Pieces of failed calls go to the end of the line. Whatever can be started with a large call is
started first, and a hopeless piece costs the hopeful ones no time.
"""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from fleetmend.aws.attempting import NOT_SENT
from fleetmend.aws.errors import Cause, Failure
from fleetmend.core.model import Outcome, Result, StartRequest

CHUNK = 100
"""Instances per call. EC2 sets no limit but advises small batches (EC2 API Reference, "Query
requests", and "Request throttling": StartInstances draws one resource token per instance, 1000
in the bucket, 2 a second back). With 100, a lost answer or a denied id concerns few, and a call
is answered well inside its read time-out."""

Send = Callable[[Sequence[str]], "Failure | Collection[str]"]
"""Sends one StartInstances; the ids that AWS says it is starting, or why the call failed."""

_ACCEPTED = Outcome(Result.ACCEPTED)
_UNNAMED = Outcome(Result.UNKNOWN, "NotInAnswer", "AWS accepted the call without naming it")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Requests for one call. `rest` follows in doubling steps once this step went through."""

    now: tuple[StartRequest, ...]
    rest: tuple[StartRequest, ...] = ()


@dataclass(slots=True)
class _Line:
    """The pieces still to be sent, what became of the others, and where capacity is short."""

    pieces: deque[_Piece]
    outcomes: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    dry: dict[tuple[str, str], Outcome] = field(default_factory=dict[tuple[str, str], Outcome])

    def settle(self, requests: Iterable[StartRequest], outcome: Outcome) -> None:
        self.outcomes.update((request.id, outcome) for request in requests)


def start(
    requests: Sequence[StartRequest], send: Send, fits: Callable[[], bool]
) -> dict[str, Outcome]:
    """One outcome for every request; no id is sent again after it was accepted.

    N instances of G types and zones take at most ceil(N / CHUNK) calls, and G more when one or
    more of those are dry. Ids that AWS names cost a call each at most, others two calls for
    each level of halving: when the role may start nothing at all that is twice as many calls
    as instances, which the time that is left ends.

    Args:
        requests: the instances; one that is named twice is started once.
        send: makes one call.
        fits: whether the longest call still fits the time that is left.
    """
    line = _Line(deque(_first_pieces(requests)))
    while line.pieces:
        _serve(line, line.pieces.popleft(), send, fits)
    return line.outcomes


def _place(request: StartRequest) -> tuple[str, str]:
    return request.type, request.zone


def _by_place(requests: Iterable[StartRequest]) -> list[tuple[StartRequest, ...]]:
    ordered = sorted(requests, key=lambda request: (*_place(request), request.id))
    return [tuple(group) for _, group in groupby(ordered, _place)]


def _first_pieces(requests: Sequence[StartRequest]) -> list[_Piece]:
    """Chunks for those not known to lack capacity; then one probe per place for the others."""
    probed: list[tuple[StartRequest, ...]] = []
    others: list[StartRequest] = []
    for group in _by_place({request.id: request for request in requests}.values()):
        if any(request.probe for request in group):
            probed.append(group)
        else:
            others.extend(group)
    chunks = [_Piece(tuple(others[n : n + CHUNK])) for n in range(0, len(others), CHUNK)]
    return [*chunks, *(_Piece(group[:1], group[1:]) for group in probed)]


def _serve(line: _Line, piece: _Piece, send: Send, fits: Callable[[], bool]) -> None:
    for request in (*piece.now, *piece.rest):
        if _place(request) in line.dry:
            line.outcomes[request.id] = line.dry[_place(request)]
    now = tuple(request for request in piece.now if request.id not in line.outcomes)
    rest = tuple(request for request in piece.rest if request.id not in line.outcomes)
    if not now:
        return
    if not fits():
        line.settle((*now, *rest), NOT_SENT)
        return
    answer = send([request.id for request in now])
    if isinstance(answer, Failure):
        _split(line, now, answer)
        step = len(now)
    else:
        for request in now:
            line.outcomes[request.id] = _ACCEPTED if request.id in answer else _UNNAMED
        step = min(2 * len(now), CHUNK)
    if rest:
        line.pieces.append(_Piece(rest[:step], rest[step:]))


def _split(line: _Line, requests: tuple[StartRequest, ...], failure: Failure) -> None:
    """Settle what the failure settles, and put the other requests back in smaller pieces."""
    if failure.cause is Cause.CALL:
        line.settle(requests, failure.outcome)
        return
    groups = _by_place(requests)
    if failure.cause is Cause.PLACE and len(groups) > 1:
        line.pieces.extend(map(_Piece, groups))
        return
    if failure.outcome.result is Result.CAPACITY:
        line.dry[_place(requests[0])] = failure.outcome
        line.settle(requests, failure.outcome)
        return
    named = _named(requests, failure.text) if len(requests) > 1 else requests
    line.settle(named, failure.outcome)
    others = tuple(request for request in requests if request not in named)
    if named:
        halves = [others] if others else []
    else:
        middle = len(others) // 2
        halves = [others[:middle], others[middle:]]
    line.pieces.extend(map(_Piece, halves))


def _named(requests: tuple[StartRequest, ...], message: str) -> tuple[StartRequest, ...]:
    """The requests whose ids stand in AWS's message, as whole words."""
    words = set(re.findall(r"[\w-]+", message))
    return tuple(request for request in requests if request.id in words)
