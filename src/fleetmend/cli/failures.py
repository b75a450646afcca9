"""How a command ends, and how it says what went wrong: a sentence, a remedy, an exit code."""

import sys
from enum import IntEnum

from fleetmend.core.ports import PortError


class Exit(IntEnum):
    """The exit codes, the same for every command."""

    FINE = 0
    FINDINGS = 1
    """Something was found to be wrong: an expectation that did not hold, a finding of `check`."""
    WRONG_USE = 2
    """The command, or a file given to it, cannot be used as it is."""
    REFUSED = 3
    """AWS refused or did not answer, or a result is incomplete."""
    INTERRUPTED = 130


class Failure(Exception):
    """A command cannot do its work.

    Args:
        sentence: what happened.
        remedy: what the reader can do about it.
        code: how the command ends.
    """

    def __init__(self, sentence: str, remedy: str = "", *, code: Exit = Exit.REFUSED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.code = code


def wrong(sentence: str, remedy: str = "") -> Failure:
    """A failure of whoever gave the command."""
    return Failure(sentence, remedy, code=Exit.WRONG_USE)


def explained(error: BaseException) -> Failure:
    """Any error as a failure; what is not foreseen is called a defect, and says how to see it."""
    match error:
        case Failure():
            return error
        case PortError():
            return Failure(str(error), error.remedy)
        case KeyboardInterrupt():
            return Failure("interrupted", code=Exit.INTERRUPTED)
        case OSError() if error.filename:
            return wrong(f"{error.filename}: {error.strerror}", "check the path and its rights")
        case _:
            return _of_rooms(error)


def _of_rooms(error: BaseException) -> Failure:
    """The errors of the heavier rooms, imported only when there is one to explain."""
    from fleetmend.components.rules_file import RulesError  # noqa: PLC0415
    from fleetmend.components.settings import SettingsError  # noqa: PLC0415
    from fleetmend.deploy.package import PackagingFailed  # noqa: PLC0415
    from fleetmend.deploy.problems import ProgramError  # noqa: PLC0415
    from fleetmend.deploy.programs import ProgramFailed  # noqa: PLC0415
    from fleetmend.lab.scenario import ScenarioError  # noqa: PLC0415

    match error:
        case ScenarioError():
            return wrong(str(error), "docs/lab.md shows the form")
        case RulesError():
            return wrong(str(error), "docs/compliance.md shows the form")
        case SettingsError():
            return wrong(str(error), "docs/settings.md lists every setting with its valid form")
        case ProgramError():
            return wrong(str(error))
        case ProgramFailed():
            return wrong(str(error), error.remedy)
        case PackagingFailed():
            return Failure(str(error))
        case _:
            return Failure(
                f"this should not happen: {type(error).__name__}: {error}",
                f"run it again with --debug and report the traceback: {_again()}",
            )


def _again() -> str:
    return " ".join(["fleetmend", "--debug", *(word for word in sys.argv[1:] if word != "--debug")])
