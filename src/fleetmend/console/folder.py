"""The archive in a folder: reports of a desk, or of a bucket that was copied there."""

import os
from pathlib import Path
from uuid import uuid4


class FolderArchive:
    """See `Archive` for the contract; keys are paths below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, body: bytes, *, once: bool = False) -> bool:
        """See `Archive`. The file is complete from the moment it has its name."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{uuid4().hex}")
        fresh.write_bytes(body)
        if not once:
            fresh.replace(path)
            return True
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
        finally:
            fresh.unlink()
        return True

    def get(self, key: str) -> bytes | None:
        """See `Archive`."""
        path = self._root / key
        return path.read_bytes() if path.is_file() else None

    def list(self, prefix: str) -> list[str]:
        """See `Archive`."""
        folder = self._root / prefix
        start = folder if prefix.endswith("/") else folder.parent
        keys = (
            path.relative_to(self._root).as_posix()
            for path in start.rglob("[!.]*")
            if path.is_file()
        )
        return sorted(key for key in keys if key.startswith(prefix))
