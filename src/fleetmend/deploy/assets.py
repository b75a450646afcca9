"""Files that resources carry: a program's assets and archives, written the same every time."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fleetmend.deploy.tokens import Json
from fleetmend.deploy.wire import ARCHIVE_KEY, ASSET_KEY

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold; any fixed one would do."""


@dataclass(slots=True)
class Assets:
    """The files to write beside the configuration, by their path in it."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def add(self, label: str, value: dict[str, Json]) -> tuple[str, str]:
        """Take an asset or archive; returns Terraform's path for it and its base64 SHA-256.

        Raises:
            ValueError: Its file is missing, or it lies behind a URL.
        """
        if ARCHIVE_KEY in value:
            name, content = f"{label}.zip", archive(value[ARCHIVE_KEY])
        else:
            name, content = label, _asset(value[ASSET_KEY])
        digest = hashlib.sha256(content)
        place = self._place(_own_name(value) or name, content, digest.hexdigest())
        return f"${{path.module}}/{place}", base64.b64encode(digest.digest()).decode()

    def _place(self, name: str, content: bytes, digest: str) -> str:
        """Where a file lies: functions that share an artifact share the file."""
        place = f"assets/{name}"
        if self.files.setdefault(place, content) != content:
            path = Path(name)
            place = f"assets/{path.stem}-{digest[:8]}{path.suffix}"
            self.files[place] = content
        return place


def _own_name(value: dict[str, Json]) -> str | None:
    """The name of the zip or file that is taken as it is."""
    told = value.get(ARCHIVE_KEY, value.get(ASSET_KEY))
    path = told.get("path") if isinstance(told, dict) else None
    return Path(path).name if isinstance(path, str) and Path(path).is_file() else None


def is_asset(value: Json) -> bool:
    """Whether a value is an asset or an archive as `wire.py` writes them."""
    return isinstance(value, dict) and (ASSET_KEY in value or ARCHIVE_KEY in value)


def archive(told: Json) -> bytes:
    """A zip of what an archive names: an existing zip as it is, all else packed.

    Raises:
        ValueError: A file is missing, or something lies behind a URL.
    """
    if isinstance(told, dict) and isinstance(told.get("path"), str):
        path = Path(str(told["path"]))
        if path.suffix == ".zip" and path.is_file():
            return path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in sorted(_members(told, "")):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, content)
    return buffer.getvalue()


def _members(told: Json, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of everything in an archive."""
    if not isinstance(told, dict):
        return
    if isinstance(told.get("path"), str):
        yield from _from_path(Path(str(told["path"])), prefix)
        return
    inside = told.get("assets")
    for name, value in _known(inside, told).items():
        if not isinstance(value, dict):
            continue
        if ASSET_KEY in value:
            yield f"{prefix}{name}", _asset(value[ASSET_KEY])
        else:
            yield from _members(value.get(ARCHIVE_KEY), f"{prefix}{name}/")


def _known(inside: Json, told: dict[str, Json]) -> dict[str, Json]:
    if isinstance(inside, dict):
        return inside
    raise ValueError(f"an archive of the kind {', '.join(told)} cannot be exported")


def _from_path(path: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield f"{prefix}{file.relative_to(path).as_posix()}", file.read_bytes()
    elif path.suffix == ".zip" and path.is_file():
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                yield f"{prefix}{name}", packed.read(name)
    else:
        raise ValueError(
            f"there is no folder or zip {path}; `fleetmend package` makes the functions' artifact"
        )


def _asset(told: Json) -> bytes:
    if isinstance(told, dict):
        if isinstance(told.get("text"), str):
            return str(told["text"]).encode()
        if isinstance(told.get("path"), str):
            path = Path(str(told["path"]))
            if not path.is_file():
                raise ValueError(f"there is no file {path}")
            return path.read_bytes()
    raise ValueError("an asset behind a URL cannot be exported")
