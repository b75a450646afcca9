"""YAML that people write: plain values, and where each key and item stood.

Every mistake is found in one reading and told with file, line and key. Scenarios, rules and
whatever else comes from a file in this form are read here, and refused in the same words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path as File
from typing import Any, Protocol, TypeVar, cast

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

M = TypeVar("M", bound=BaseModel)

Path = tuple[str | int, ...]

MOST_NODES = 100_000
"""Such a file is small; this stops aliases of aliases from filling the memory."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake and its place. `line` counts from 1; `key` is a path: `fleet.groups[0]`."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class FileUnusable(Exception):
    """A file that cannot be used: every mistake found, with file, line and key."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass
class Marked:
    """A parsed file: `value` in plain Python, `lines` by path, and the mistakes found so far."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    problems: list[Problem] = field(default_factory=list[Problem])
    refusal: type[FileUnusable] = FileUnusable

    def refused(self) -> FileUnusable:
        """What to raise: every mistake so far."""
        return self.refusal(self.problems)

    def complain(self, path: Path, message: str) -> None:
        """Note a mistake at a path; a path that is not in the file takes its parent's line."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known, 1)
        self.problems.append(Problem(self.file, line, spelled(path), message))


def spelled(path: Path) -> str:
    """A path as people write it: `timeline[2].stop`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class _Mark(Protocol):
    line: int


class _Node(Protocol):
    """What is used of ruamel's nodes, which carry no types."""

    id: str
    tag: str
    start_mark: _Mark
    value: Any


def read_text(file: File, refusal: type[FileUnusable]) -> str:
    """The text of a file.

    Raises:
        FileUnusable: of the kind `refusal`, when there is no such text.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise refusal([Problem(str(file), 1, "", f"cannot be read: {reason}")]) from error


def parse(text: str, file: str, refusal: type[FileUnusable]) -> Marked:
    """Parse one YAML document.

    Raises:
        FileUnusable: of the kind `refusal`, when it is not YAML, or is more than one document.
    """
    marked = Marked(file, refusal=refusal)
    try:
        node = cast("_Node | None", YAML(typ="safe", pure=True).compose(text))  # pyright: ignore[reportUnknownMemberType]
    except MarkedYAMLError as error:
        told = cast("Any", error)
        mark = told.problem_mark or told.context_mark
        line = int(mark.line) + 1 if mark else 1
        raise refusal([Problem(file, line, "", f"not YAML: {told.problem}")]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise refusal([Problem(file, 1, "", f"not YAML: {reason}")]) from error
    if node is not None:
        marked.value = _Reader(marked).read(node, (), ())
    return marked


class _Reader:
    """Turns nodes into plain values and fills in the lines."""

    def __init__(self, marked: Marked) -> None:
        self.marked = marked
        self.left = MOST_NODES

    def read(self, node: _Node, path: Path, above: tuple[int, ...]) -> object:
        line = node.start_mark.line + 1
        self.marked.lines.setdefault(path, line)
        self.left -= 1
        if self.left < 0 or id(node) in above:
            reason = "an alias that contains itself" if id(node) in above else "too large"
            raise self.marked.refusal([Problem(self.marked.file, line, spelled(path), reason)])
        inside = (*above, id(node))
        match node.id:
            case "mapping":
                return self._mapping(node.value, path, inside)
            case "sequence":
                items = cast("list[_Node]", node.value)
                return [self.read(item, (*path, k), inside) for k, item in enumerate(items)]
            case _:
                return self._scalar(node, path)

    def _mapping(
        self, pairs: list[tuple[_Node, _Node]], path: Path, above: tuple[int, ...]
    ) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in pairs:
            line = key_node.start_mark.line + 1
            if key_node.id != "scalar":
                self.marked.problems.append(
                    Problem(self.marked.file, line, spelled(path), "a key must be a word")
                )
                continue
            key = str(key_node.value)
            inner = (*path, key)
            if key in result:
                self.marked.problems.append(
                    Problem(self.marked.file, line, spelled(inner), "the key is there twice")
                )
                continue
            self.marked.lines[inner] = line
            result[key] = self.read(value_node, inner, above)
        return result

    def _scalar(self, node: _Node, path: Path) -> object:
        """A value as YAML 1.2's core schema reads it: `no` and `1:30` are text."""
        text = str(node.value)
        try:
            match node.tag.rpartition(":")[2]:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text, 0)
                case "float":
                    return float(text.replace(".inf", "inf").replace(".nan", "nan"))
                case _:
                    return text
        except ValueError:
            self.marked.complain(path, f"{text!r} is no number: put it in quotes if it is text")
            return None


def validated(
    marked: Marked,
    model: type[M],
    value: dict[str, Any],
    path: Path,
    renamed: Mapping[str, str] | None = None,
    *,
    context: Any = None,  # noqa: ANN401 -- pydantic hands it to validators as it is
) -> M | None:
    """The model of a mapping, or None with every mistake complained about."""
    try:
        return model.model_validate(value, by_alias=True, by_name=False, context=context)
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
