"""What outlives an installation, told when it is taken down, and purged where that is asked for."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fleetmend.cli.failures import Failure, wrong
from fleetmend.cli.output import note, working
from fleetmend.core.ports import PortError

if TYPE_CHECKING:
    from fleetmend.aws.leftovers import Leftover, Leftovers
    from fleetmend.cli.program import Program


class Leaving:
    """What one program's installation leaves behind.

    Args:
        what: the program that is taken down.
        purge: delete it, which production refuses.

    Raises:
        Failure: it is production, or nothing says that it is not.
    """

    def __init__(self, what: "Program", *, purge: bool) -> None:
        if purge and what.production is not False:
            why = (
                "production data is not thrown away"
                if what.production
                else "of another program nobody knows whether it is production"
            )
            raise wrong(
                f"--purge: {why}",
                "delete by hand what is not needed; `down` without --purge lists it",
            )
        self._what = what
        self._purge = purge
        self._doomed: list[tuple[Leftovers, list[Leftover]]] = []

    def question(self, engine: str) -> str:
        """What is asked before anything is removed; it names all that will be purged.

        Raises:
            PortError: AWS could not be asked what there is to purge.
        """
        if self._purge:
            self._doomed = [(place, place.found()) for place in self._places()]
        doomed = self._named()
        more = f", and for ever {counted(doomed)}" if doomed else ""
        return f"Remove everything with {engine}{more}?"

    def remains(self) -> list[str]:
        """What is left when all is done; nothing, with a note, where AWS could not be asked."""
        try:
            return [str(one) for place in self._places() for one in place.found()]
        except PortError as error:
            note(f"whether recovery points, snapshots or images remain is not known: {error}")
            return []

    def _places(self) -> "list[Leftovers]":
        from fleetmend.aws.installation import connect  # noqa: PLC0415 -- boto3
        from fleetmend.aws.leftovers import Leftovers  # noqa: PLC0415
        from fleetmend.deploy.belongings import belongings  # noqa: PLC0415

        return [
            Leftovers(connect(one.region), one.tags, one.vaults)
            for one in belongings(self._what.captured())
        ]

    def _named(self) -> "list[Leftover]":
        return [one for _, found in self._doomed for one in found]

    def clear(self) -> list[str]:
        """Purge what the question named; gives the names of what was deleted.

        Raises:
            Failure: something was not deleted; the rest was.
            PortError: AWS Backup did not finish.
        """
        doomed = self._named()
        if not doomed:
            return []
        purged: list[str] = []
        refused: list[str] = []
        with working(f"deleting {counted(doomed)}"):
            for place, found in self._doomed:
                for one, error in place.purge(found):
                    purged += [] if error else [one.name]
                    refused += [str(error)] if error else []
        if refused:
            raise Failure(
                f"{len(refused)} could not be deleted, {len(purged)} were; nothing else was "
                "removed:\n  " + "\n  ".join(refused),
                "put right what is named and run the command again",
            )
        return purged


def counted(leftovers: "Sequence[Leftover]") -> str:
    """Such as `2 snapshots, 1 recovery point`."""
    counts = Counter(one.kind for one in leftovers)
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in sorted(counts.items()))
