"""Entries of a scenario file become words: the one verb or expectation of each, validated."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from fleetmend.lab.marked import Marked, Path
from fleetmend.lab.words import FROM_FILE, Word

M = TypeVar("M", bound=BaseModel)


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
        return validated(marked, model, cast("dict[str, Any]", given), (*path, word))
    if not model.short:
        marked.complain((*path, word), f"needs its arguments as a mapping: `{word}: {{…}}`")
        return None
    return validated(marked, model, {model.short: given, **entry}, path, {model.short: word})


def validated(
    marked: Marked,
    model: type[M],
    value: dict[str, Any],
    path: Path,
    renamed: Mapping[str, str] | None = None,
) -> M | None:
    """The model of a mapping, or None with every mistake complained about."""
    try:
        return model.model_validate(value, by_alias=True, by_name=False, context=FROM_FILE)
    except ValidationError as error:
        keys = [info.alias or name for name, info in model.model_fields.items()]
        for item in error.errors():
            place = tuple((renamed or {}).get(str(p), p) for p in item["loc"])
            marked.complain((*path, *place), _sentence(dict(item), keys))
        return None


def _sentence(item: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Pydantic's finding as a sentence with its remedy."""
    match item["type"]:
        case "extra_forbidden":
            return f"unknown key{hint(str(item['loc'][-1]), keys)}"
        case "missing":
            return "is missing"
        case "string_type":
            return f"must be text: put {item['input']!r} in quotes"
        case "string_pattern_mismatch":
            return f"{item['input']!r} is no name here: it must match {item['ctx']['pattern']}"
        case _:
            return str(item["msg"]).removeprefix("Value error, ")


def hint(word: str, known: Iterable[str]) -> str:
    """What was probably meant, or all there is."""
    choices = sorted(known)
    close = get_close_matches(word, choices, n=2, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; known are {', '.join(choices)}"
