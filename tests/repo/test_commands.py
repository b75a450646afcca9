"""Every command explains itself by an example, and every command that is written about exists."""

import re
import shlex
from collections.abc import Iterator

import pytest

from fleetmend.cli.reference import commands, examples, page
from tests.repo.files import ROOT, pages, python, shown

COMMANDS = dict(commands())
GLOBAL = {"--debug", "--version", "--help", "-h", "--install-completion", "--show-completion"}


def written() -> Iterator[tuple[str, str]]:
    """Command lines in code blocks and in code spans of the pages: (place, line)."""
    for path in pages():
        inside = False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("```"):
                inside = not inside
                continue
            found = [line] if inside else re.findall(r"`([^`]+)`", line)
            for text in found:
                match = re.match(r"\s*(?:\$ )?(?:\.venv/bin/)?(fleetmend(?: .*)?)$", text)
                if match:
                    yield f"{shown(path)}:{number}", match[1]


def resolve(line: str) -> None:
    """Walk a command line through the commands.

    Raises:
        AssertionError: a command or an option does not exist.
    """
    words = shlex.split(line.split("   ", maxsplit=1)[0].replace("…", "X"), comments=True)
    plain = [word for word in words if word not in GLOBAL]
    name = plain.pop(0)
    while plain and any(known.startswith(f"{name} {plain[0]}") for known in COMMANDS):
        full = f"{name} {plain[0]}"
        if not any(known == full or known.startswith(f"{full} ") for known in COMMANDS):
            break
        name = full
        plain.pop(0)
    groups = {known.rsplit(" ", 1)[0] for known in COMMANDS}
    if name in groups and name not in COMMANDS:
        stands_for_any = {"COMMAND", *()}
        left = [word for word in plain if word not in stands_for_any]
        assert not left, f"there is no {name} {' '.join(left)}"
        return
    assert name in COMMANDS, f"there is no {name}"
    known = {
        option
        for parameter in COMMANDS[name].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in plain:
        if word.startswith("-"):
            assert word.split("=")[0] in known, f"{name} has no {word}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str):
    command = COMMANDS[name]
    assert len(command.help or "") > 15
    assert examples(command)
    for line in examples(command):
        assert line.startswith(name), line
        resolve(line)
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json(name: str):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert "--json" in options


@pytest.mark.parametrize(("place", "line"), [pytest.param(*one, id=one[0]) for one in written()])
def test_what_pages_say_to_type_exists(place: str, line: str):
    resolve(line)


def test_pages_say_enough_to_type():
    assert len(list(written())) > 30


def test_what_messages_say_to_type_exists():
    """The remedy of an error must not send people to a command that is not there."""
    words = {name.split()[1] for name in COMMANDS} | {"import"}  # `from fleetmend import …`
    told = [
        (shown(path), word)
        for path in python("src")
        for word in re.findall(r"\bfleetmend ([a-z]+)\b", path.read_text())
    ]
    assert [one for one in told if one[1] not in words] == []
    assert len(told) > 20


def test_a_command_that_does_not_exist_is_noticed():
    for line in ("fleetmend stauts", "fleetmend status --jsn", "fleetmend lab ruin x.yaml"):
        with pytest.raises(AssertionError):
            resolve(line)


def test_the_reference_is_what_the_commands_say():
    fix = "run: python -m fleetmend.cli.reference docs/cli.md"
    assert (ROOT / "docs" / "cli.md").read_text() == page(), fix
