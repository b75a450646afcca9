"""Pulumi programs of other people's, run as files."""

import runpy

from pulumi import ConfigMissingError

from fleetmend.components.settings import SettingsError


class ProgramFailed(Exception):
    """A program could not run to its end: its own fault, or its configuration's."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def run(path: str) -> None:
    """Run the program in the file `path`.

    Raises:
        SettingsError: It reads our settings, and they are wrong.
        ProgramFailed: It raised anything else.
    """
    try:
        runpy.run_path(path, run_name="__main__")
    except SettingsError:
        raise
    except ConfigMissingError as error:
        raise ProgramFailed(
            f"{path} needs the setting {error.key}",
            f"give it: --set {error.key}=..., or a stack file with --config",
        ) from error
    except Exception as error:
        raise ProgramFailed(
            f"{path} failed: {type(error).__name__}: {error}", "--debug shows the traceback"
        ) from error
