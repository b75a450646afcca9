"""Options that several commands share, so that they are spelled and explained the same."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]

Environment = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        metavar="SUFFIX",
        help="The installation's environment suffix. Default: the running lab, else the variable "
        "ENVIRONMENT_SUFFIX.",
        show_default=False,
    ),
]

Project = Annotated[
    str,
    typer.Option(metavar="NAME", envvar="FLEETMEND_PROJECT", help="The installation's project."),
]

Region = Annotated[
    str | None,
    typer.Option(
        metavar="REGION",
        envvar=["AWS_REGION", "AWS_DEFAULT_REGION"],
        help="The installation's region.",
        show_default=False,
    ),
]

Lab = Annotated[
    bool | None,
    typer.Option(
        "--lab/--no-lab",
        help="Talk to the running lab, or never to it.",
        show_default=False,
    ),
]

Concern = Annotated[
    str,
    typer.Argument(
        metavar="CONCERN",
        help="The concern: recovery, rebuild, health, remediation or compliance.",
    ),
]

Wait = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0, help="How long to wait for the controller's report; 0: not."
    ),
]

By = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Who says so, for the record. Default: the AWS identity, in the lab the user.",
        show_default=False,
    ),
]


def examples(*lines: str) -> str:
    """The `--help` text's last part: what the command looks like in use."""
    shown = "\n\n".join(f"[cyan]$ {line}[/]" for line in lines)
    return f"[bold]Example{'s' if len(lines) > 1 else ''}[/]\n\n{shown}"


Whose = Annotated[
    str,
    typer.Option(
        "--concern", metavar="NAME", help="The concern: recovery, rebuild, health or remediation."
    ),
]
"""Whose record a word or a question is about."""
