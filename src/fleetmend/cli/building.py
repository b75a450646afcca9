"""What the lab is installed from: the artifact, and the captured graph of the program."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleetmend.core.graph import Graph

SUFFIX = "lab"
"""The lab installation's environment suffix."""

NOT_IN_THE_LAB = (
    "deployNetwork",
    "deployCompute",
    "deployBackup",
    "deployBridge",
    "deployDashboard",
    "deploySecret",
)
"""What the emulators cannot serve, or nothing in a scenario looks at."""

SWITCHES = {
    "recovery": {"deployTypeChange": "true"},
    "rebuild": {
        "deployRecovery": "false",
        "deployRebuild": "true",
        "rebuildVpcIds": "vpc-00000000000000001",
    },
    "health": {
        "deployRecovery": "false",
        "deployHealth": "true",
    },
    "remediation": {
        "deployCompliance": "true",
        "deployRemediation": "true",
    },
}
"""What brings each concern's controller into the lab; the VPC is not looked at there.

Recovery stays beside remediation: it must leave alone what that stops."""

RULES = """\
rules:
  - {name: owner, tag: Owner, from: [group, vpc], default: platform, remedy: fill}
  - {name: maker, tag: Maker, from: creator, remedy: fill}
  - {name: cost-center, tag: CostCenter, default: '0000', remedy: fill}
  - {name: stage, tag: Stage, remedy: stop, stop_after: 1h}
"""
"""What grants are made from. A scenario's own rules are in force; IAM knows no keys but these."""


@dataclass(frozen=True, slots=True)
class Build:
    """An installation ready to be put into the lab."""

    graph: Graph
    artifact: Path


@contextmanager
def built(region: str, concern: str = "recovery") -> Generator[Build]:
    """The artifact and the graph of an installation in a region; gone when the context ends.

    Args:
        region: where it is.
        concern: whose controller is to be at work; the others are left out.
    """
    from fleetmend.components.installation import install  # noqa: PLC0415 -- Pulumi takes a second
    from fleetmend.components.settings import Settings  # noqa: PLC0415
    from fleetmend.deploy.capture import capture  # noqa: PLC0415
    from fleetmend.deploy.package import package  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="fleetmend-") as folder:
        artifact = package(Path(folder)).path
        config = {
            "environmentSuffix": SUFFIX,
            "region": region,
            "allowedRegions": region,
            "lambdaArtifact": str(artifact),
            **dict.fromkeys(NOT_IN_THE_LAB, "false"),
            **SWITCHES[concern],
        }
        if "deployCompliance" in config:
            rules = Path(folder) / "rules.yaml"
            rules.write_text(RULES, encoding="utf-8")
            config["complianceRules"] = str(rules)
        settings = Settings.from_sources(config, {})
        yield Build(capture(lambda: install(settings), config=config, stack=SUFFIX), artifact)
