"""The kinds of alerts there are: the closed list of what people can be told.

`Record.telling` takes no other word, so the type checker finds a kind that is told and does not
stand here; a test wants a meaning for each (`core/meanings.py`).
"""

from typing import Literal, get_args

AlertKind = Literal[
    "agent-silent",
    "all-clear",
    "attempt-failed",
    "capacity",
    "changed",
    "claimed",
    "deferred",
    "digest",
    "drifted",
    "exhausted",
    "failed",
    "filled",
    "gone",
    "impaired",
    "incomplete",
    "late",
    "late-suspension",
    "ledger-unavailable",
    "left-down",
    "left-suspended",
    "mass-impaired",
    "mass-impaired-over",
    "mass-stop",
    "mass-stop-over",
    "mended",
    "no-root-volume",
    "one-zone",
    "outage",
    "rebuilt",
    "recovered",
    "replaced",
    "rules-broken",
    "settings-broken",
    "started-again",
    "stays-impaired",
    "stays-suspended",
    "stopped",
    "suspension-over",
    "terminated",
    "twice",
    "type-changed",
    "type-unfit",
    "types-unknown",
    "undone",
    "unreadable",
    "unsure",
    "unverified",
    "violates",
    "weekly",
]

KINDS: tuple[str, ...] = get_args(AlertKind)
"""All of them."""
