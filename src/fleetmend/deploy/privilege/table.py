"""Who may do what, and what uses it: the tables of docs/security.md."""

import re
from collections.abc import Iterable, Iterator

from fleetmend.deploy.privilege.judge import Report, Use

_HASH = re.compile(r"key/[0-9a-f]{17}\b")


def table(reports: Iterable[Report], places: dict[str, str]) -> str:
    """A table for each function, as Markdown.

    Args:
        reports: The verdicts.
        places: What to write in place of names of this installation, such as the account's id.
    """
    lines: list[str] = []
    for report in reports:
        verdict = "passed" if report.passed else "**failed**"
        lines += [
            f"### {report.function}: {verdict}",
            "",
            _figures(report),
            "",
            "| action | resource | only if | used by |",
            "|---|---|---|---|",
            *_rows(report, places),
            "",
            *(f"- {problem}" for problem in report.problems()),
        ]
    return "\n".join(lines).rstrip() + "\n"


def _figures(report: Report) -> str:
    used = sum(bool(use.by) for use in report.uses)
    explained = sum(bool(use.reason) for use in report.uses)
    return (
        f"{len(report.uses)} grants: {used} used, {explained} with a reason, "
        f"{len(report.unused)} unused; {len(report.denied)} calls denied."
    )


def _rows(report: Report, places: dict[str, str]) -> Iterator[str]:
    for use in sorted(report.uses, key=lambda u: (u.grant.action, u.grant.resource)):
        cells = (
            f"`{use.grant.action}`",
            f"`{_placed(use.grant.resource, places)}`",
            f"`{_placed(use.grant.condition, places)}`" if use.grant.condition else "",
            _who(use),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _who(use: Use) -> str:
    if use.by:
        return ", ".join(use.by)
    return f"*no call:* {use.reason}" if use.reason else "**nothing**"


def _placed(text: str, places: dict[str, str]) -> str:
    for found, instead in places.items():
        text = text.replace(found, instead)
    return _HASH.sub("key/KEY", text)
