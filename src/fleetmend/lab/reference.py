"""The page `docs/scenario-words.md`, made from the words themselves.

`python -m fleetmend.lab.reference docs/scenario-words.md` writes it; a test keeps it the same.
"""

import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fleetmend.lab.scenario import Fleet, Group, Installed, Instances, Scenario
from fleetmend.lab.words import EXPECTATIONS, VERBS, Word, in_words, roles

_HEAD = """\
# The words of a scenario file

This page is generated: `python -m fleetmend.lab.reference docs/scenario-words.md`. What a scenario
is, and how it is played, is in [lab.md](lab.md).

A timeline entry is `at` and one verb; an expectation is one word. The argument marked *short* may
stand right after the word: `stop: api` is `stop: {subject: api}`, and the others stand beside it.
"""


def page() -> str:
    """The whole page."""
    parts = {"The file": Scenario, "`fleet`": Fleet, "`fleet.instances`": Instances}
    parts |= {"`fleet.groups`": Group, "`settings`": Installed}
    lines = [_HEAD, "## Keys\n"]
    for title, model in parts.items():
        lines += [f"### {title}\n", *_fields(model.model_fields), ""]
    for title, words in (("Verbs", VERBS), ("Expectations", EXPECTATIONS)):
        lines.append(f"## {title}\n")
        for group in dict.fromkeys(word.group for word in words.values()):
            lines.append(f"### {title}: {group}\n")
            for word in words.values():
                if word.group == group:
                    lines += _word(word)
    return "\n".join(lines).rstrip() + "\n"


def _word(word: type[Word]) -> Iterable[str]:
    yield f"#### `{word.word}`\n"
    yield inspect.cleandoc(word.__doc__ or "") + "\n"
    yield from _fields(word.model_fields, word.short)
    yield ""


def _fields(fields: Mapping[str, FieldInfo], short: str = "") -> Iterable[str]:
    yield "| argument | is | default | what |"
    yield "|---|---|---|---|"
    for name, info in fields.items():
        mark = " *short*" if name == short else ""
        told = " ".join((info.description or _BY_NAME.get(name, "")).split()).replace("|", "\\|")
        kind = _kind(info).replace("|", "\\|")
        yield f"| `{info.alias or name}`{mark} | {kind} | {_default(info)} | {told} |"


_BY_NAME = {"timeline": "what happens, and when", "expect": "what must come of it"}


def _kind(info: FieldInfo) -> str:
    found = roles(info.annotation, info.metadata)
    for role in ("duration", "subject", "zone"):
        if role in found:
            return role
    return _plain(info.annotation)


def _plain(annotation: Any) -> str:  # noqa: ANN401 -- any annotation there is
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_plain(each) for each in inner if each is not type(None))
    if inner and all(isinstance(each, (str, bool)) for each in inner):
        return ", ".join(f"`{str(each).lower()}`" for each in inner)
    names = {str: "text", int: "number", float: "number", bool: "true or false", dict: "mapping"}
    names |= {list: "list", tuple: "list"}
    return names.get(origin or annotation, "mapping")


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined and info.default_factory is None:
        return "must be given"
    value = info.get_default(call_default_factory=True)  # pyright: ignore[reportCallIssue] -- none takes data
    if value is None or value in ((), {}, []) or not isinstance(value, (str, int, float)):
        return "-"
    if "duration" in roles(info.annotation, info.metadata):
        return f"`{in_words(float(value))}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "-"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
