"""What the repository's tests look at: the files that are in it."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is or would be committed, whatever .gitignore leaves out."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    names = sorted({name for name in listed.split("\0") if name})
    return tuple(path for path in (ROOT / name for name in names) if path.is_file())


@cache
def python(folder: str) -> tuple[Path, ...]:
    """The Python files below a folder."""
    return tuple(
        path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / folder)
    )


@cache
def pages() -> tuple[Path, ...]:
    """The Markdown pages."""
    return tuple(path for path in tracked() if path.suffix == ".md")


def shown(path: Path) -> str:
    """A path as the repository knows it."""
    return str(path.relative_to(ROOT))
