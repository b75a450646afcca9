"""The directory: the one parameter by which the command line and the console find everything."""

from typing import NotRequired, TypedDict

import pulumi

from fleetmend.components.identity import InstallationArgs, naming
from fleetmend.components.parameters import INSTALLATION, text_parameter


class DirectoryArgs(TypedDict):
    """What `Directory` needs to know; maps are by concern."""

    installation: InstallationArgs
    """Whose directory it is."""
    account_id: pulumi.Input[str]
    """The account."""
    ledger_name: pulumi.Input[str]
    """The ledger bucket."""
    topic_arn: pulumi.Input[str]
    """The alerts topic."""
    queues: dict[str, pulumi.Input[str]]
    """URLs of the queues that operators' messages go to."""
    functions: dict[str, pulumi.Input[str]]
    """ARNs of the functions."""
    promises: NotRequired[dict[str, int]]
    """Promised seconds to the first act, that `fleetmend check` holds schedules against."""


class Directory(pulumi.ComponentResource):
    """The parameter `/{project}/{suffix}/installation`: JSON with where everything is.

    Example:
        Directory("directory", {"installation": me, "account_id": account,
                                "ledger_name": storage.ledger_name, "topic_arn": alerts.topic_arn,
                                "queues": {"recovery": recovery.queue_url},
                                "functions": {"recovery": recovery.function_arn}})
    """

    parameter_name: pulumi.Output[str]
    """The parameter's name."""

    def __init__(
        self, name: str, args: DirectoryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:Directory", name, {}, opts)
        names = naming(args["installation"])
        facts = pulumi.Output.json_dumps(
            {
                "project": names.project,
                "suffix": names.suffix,
                "region": names.region,
                "account": args["account_id"],
                "ledger_bucket": args["ledger_name"],
                "topic_arn": args["topic_arn"],
                "queues": args["queues"],
                "functions": args["functions"],
                "promises": args.get("promises", {}),
            }
        )
        parameter = text_parameter(
            f"{name}-installation",
            INSTALLATION,
            facts,
            "Where the parts of this installation are",
            args["installation"],
            pulumi.ResourceOptions(parent=self),
        )
        self.parameter_name = parameter.name
        self.register_outputs({"parameterName": self.parameter_name})
