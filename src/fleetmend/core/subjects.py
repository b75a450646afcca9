"""A subject's name as a part of an object's key, and back.

Instance ids stand there as they are. A group may be called almost anything (`web/eu (1)`), so what
a key or a URL could take for its own is percent-encoded.
"""

import re
from urllib.parse import quote, unquote

_LONGEST = 900
"""S3 takes keys of 1024 bytes; folders and endings need the rest."""


def to_key(subject: str) -> str:
    """The subject as one part of a key.

    Raises:
        ValueError: it is no name of a subject: empty, or far too long.
    """
    key = quote(subject, safe="")
    if not subject or len(key) > _LONGEST:
        raise ValueError(f"{subject!r} is no name of a subject")
    return re.sub(r"^\.", "%2E", key)


def from_key(part: str) -> str | None:
    """The subject of one part of a key; None when no subject has it."""
    try:
        subject = unquote(part, errors="strict")
        return subject if to_key(subject) == part else None
    except ValueError:
        return None
