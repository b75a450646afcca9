"""Taste is tested: sizes, and what may not be named."""

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repo.files import ROOT, python, shown, tracked

FUNCTION = 50
CODE = {"src": 400, "infra": 400, "examples": 400, "benchmarks": 400, "tests": 440}
"""Lines a file may have, by folder; tests are long tables of small things."""


def test_files_stay_short():
    sizes = {
        path: (len(path.read_text().splitlines()), most)
        for folder, most in CODE.items()
        for path in python(folder)
    }
    assert [f"{shown(path)}: {size}" for path, (size, most) in sizes.items() if size > most] == []
    assert len(sizes) > 50


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{shown(path)}:{node.lineno} {node.name}", body_lines(node)


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: what a signature and a docstring say is not counted as length."""
    first = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - first[0].lineno + 1 if first else 0


def test_functions_stay_short():
    sizes = [found for folder in CODE for path in python(folder) for found in functions(path)]
    assert [f"{name}: {size}" for name, size in sizes if size > FUNCTION] == []
    assert len(sizes) > 500


def test_every_room_and_public_function_says_what_it_is():
    silent = [
        shown(path)
        for path in python("src")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def places_of_this_machine() -> set[str]:
    """Paths, hosts and indexes of wherever the tests run: none of them belongs in the project."""
    known = {f"{ROOT}/", f"{Path.home()}/", socket.gethostname()}
    if len(ROOT.parent.parts) > 2:
        known.add(f"{ROOT.parent}/")
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    configured += "\n".join(
        value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "NPM_"))
    )
    for word in configured.replace("'", " ").replace('"', " ").split():
        if "://" in word:
            known.add(word.split("://", 1)[1].split("/")[0].split("@")[-1])
    return {place for place in known - {"localhost", "127.0.0.1"} if len(place) > 4}


def test_nothing_names_the_machine_it_was_made_on():
    places = places_of_this_machine()
    found = [
        f"{shown(path)}: {place}"
        for path in tracked()
        if path.suffix not in {".zip", ".gz"}
        for place in places
        if place.encode() in path.read_bytes()
    ]
    assert found == []


def test_the_place_of_this_checkout_would_be_found():
    assert f"{ROOT}/" in places_of_this_machine()


@pytest.mark.parametrize("lock", sorted((ROOT / "locks").glob("*.txt")), ids=lambda p: p.name)
def test_locks_hold_hashes_and_no_addresses(lock: Path):
    text = lock.read_text()
    assert "://" not in text
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and line.strip()[0] != "#"]
    assert lines
    for line in lines:
        assert "==" in line, line
        assert "--hash=sha256:" in line, line
