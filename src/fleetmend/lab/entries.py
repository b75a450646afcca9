"""Entries of a scenario file become words: the one verb or expectation of each, validated."""

from typing import Any, cast

from fleetmend.components.marked import Marked, Path, hint, validated
from fleetmend.lab.words import FROM_FILE, Word


def mappings(marked: Marked, value: object, key: str) -> list[tuple[int, dict[str, Any]]]:
    """The entries of a list of mappings; whatever is not one is complained about."""
    if value is None:
        return []
    if not isinstance(value, list):
        marked.complain((key,), "must be a list")
        return []
    entries: list[tuple[int, dict[str, Any]]] = []
    for k, entry in enumerate(cast("list[object]", value)):
        if isinstance(entry, dict):
            entries.append((k, cast("dict[str, Any]", entry)))
        else:
            marked.complain((key, k), "must be a mapping, such as {at: 0s, stop: api}")
    return entries


def one_word(
    marked: Marked, path: Path, entry: dict[str, Any], known: dict[str, type[Word]], kind: str
) -> Word | None:
    """The one word of an entry with its arguments, which may stand beside or below it."""
    words = [key for key in entry if key in known]
    if len(words) != 1:
        if words:
            marked.complain(path, f"two {kind}s in one entry: {', '.join(words)}")
        for key in entry if not words else ():
            marked.complain((*path, key), f"unknown {kind} {key!r}{hint(key, known)}")
        if not entry:
            marked.complain(path, f"without {kind}: one of {', '.join(sorted(known))}")
        return None
    word = words[0]
    model = known[word]
    given = entry.pop(word)
    if isinstance(given, dict):
        for key in entry:
            marked.complain((*path, key), f"belongs inside `{word}: {{…}}`")
        return validated(
            marked, model, cast("dict[str, Any]", given), (*path, word), context=FROM_FILE
        )
    if not model.short:
        marked.complain((*path, word), f"needs its arguments as a mapping: `{word}: {{…}}`")
        return None
    return validated(
        marked,
        model,
        {model.short: given, **entry},
        path,
        {model.short: word},
        context=FROM_FILE,
    )
