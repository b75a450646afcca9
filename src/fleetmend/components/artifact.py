"""Where a file of the installation is, whichever folder the program happens to run in."""

import os
from pathlib import Path

DEFAULT = "dist/fleetmend-lambda.zip"
"""What `fleetmend package --out dist` writes."""


def find_artifact(path: str = DEFAULT, start: Path | None = None) -> str:
    """The artifact's path as seen from `start`: there, or in the nearest folder above.

    Pulumi runs a program in the program's own folder, the export in the folder of whoever asks;
    with this one setting serves both. Where there is no such file yet the path comes back as it
    is: the program runs without it, and whoever deploys is told that it is missing.

    Args:
        path: Absolute, or relative to `start` or a folder above it.
        start: The folder to begin in; the working directory where it is left out.
    """
    folder = (start or Path()).resolve()
    for above in (folder, *folder.parents):
        if (above / path).is_file():
            return os.path.relpath(above / path, folder)
    return path
