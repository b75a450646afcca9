"""Terraform or OpenTofu as the engine, driven through its machine-readable output.

https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fleetmend.core.graph import Graph
from fleetmend.deploy.engine import Changes, Deployment, EngineError, remains
from fleetmend.deploy.export import export

PLUGIN_DIR = "FLEETMEND_TF_PLUGIN_DIR"
"""The setting that names a folder of provider plugins, for machines without the internet."""
PLAN = "fleetmend.tfplan"
_OVERRIDE = "lab_override.tf.json"
_SHOWN = {
    "planned_change",
    "resource_drift",
    "apply_start",
    "apply_complete",
    "apply_progress",
    "change_summary",
}
_NETWORK_WORDS = ("Failed to query available provider packages", "could not connect")


class Terraform:
    """Applies the exported program. The state lies in the deployment's folder."""

    def __init__(self, deployment: Deployment, command: str) -> None:
        self.name = Path(command).stem
        self.changes = Changes()
        self._deployment = deployment
        self._command = command
        self._failures: list[str] = []

    def plan(self) -> Iterator[str]:
        """See `Engine.plan`."""
        self._prepare()
        yield f"exported to {self._deployment.folder}"
        yield from self._plan()

    def up(self) -> Iterator[str]:
        """See `Engine.up`."""
        yield from self.plan()
        if not self.changes:
            yield "nothing to do"
            return
        yield from self._run("apply", PLAN, failed=self._up_failed)

    def down(self) -> Iterator[str]:
        """See `Engine.down`."""
        graph = self._prepare()
        yield from self._run("apply", "-destroy", "-auto-approve", failed=self._down_failed)
        for line in remains(graph):
            yield f"remains: {line}"

    def outputs(self) -> dict[str, Any]:
        """See `Engine.outputs`. Sensitive ones are in it: show them to nobody."""
        answer = self._ask("output", "-json")
        return {name: told["value"] for name, told in json.loads(answer).items()}

    def planned(self) -> dict[str, tuple[str, ...]]:
        """After `plan`: the actions (`create`, `update`, `delete`) by address, where there are any.

        A replacement is both `create` and `delete`.
        """
        told = json.loads(self._ask("show", "-json", PLAN))
        return {
            change["address"]: tuple(change["change"]["actions"])
            for change in told.get("resource_changes", [])
            if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
        }

    def existing(self) -> tuple[str, ...]:
        """Addresses of what the state says exists."""
        try:
            listed = self._ask("state", "list").split()
        except EngineError:
            return ()
        return tuple(name for name in listed if not name.startswith("data."))

    def _prepare(self) -> Graph:
        """Export and initialise.

        Raises:
            ProgramError: The program cannot be exported.
            EngineError: The provider is not to be had.
        """
        told = self._deployment
        graph = told.captured()
        export(graph, told.folder)
        override = told.folder / _OVERRIDE
        override.unlink(missing_ok=True)
        if told.endpoints:
            override.write_text(json.dumps(_lab_override(told.folder, told.endpoints), indent=2))
        self._init()
        return graph

    def _init(self) -> None:
        mirror = os.environ.get(PLUGIN_DIR) or self._deployment.environment.get(PLUGIN_DIR)
        arguments = [f"-plugin-dir={mirror}"] if mirror else []
        done = self._call("init", "-input=false", "-no-color", *arguments)
        if done.returncode == 0:
            return
        remedy = "See the message above; what is wrong is in the configuration or the machine."
        if any(word in done.stderr for word in _NETWORK_WORDS):
            remedy = (
                "Go where the provider's registry can be reached, or set "
                f"{PLUGIN_DIR} to a folder made by `terraform providers mirror`."
            )
        raise EngineError(f"{self.name} init failed:\n{done.stderr.strip()}", remedy=remedy)

    def _plan(self) -> Iterator[str]:
        yield from self._run("plan", f"-out={PLAN}", failed=self._plan_failed)

    def _plan_failed(self) -> EngineError:
        return EngineError(
            "the plan failed:\n" + "\n".join(self._failures),
            remedy="Nothing was changed. Put right what is named, then run the command again.",
        )

    def _up_failed(self) -> EngineError:
        exists = self.existing()
        return EngineError(
            "part of it could not be made:\n" + "\n".join(self._failures),
            remedy=f"{len(exists)} resources exist. To go on: put right what is named and run "
            "`up` again, it continues where it stopped. To go back: `down` removes what exists.",
            exists=exists,
        )

    def _down_failed(self) -> EngineError:
        exists = self.existing()
        return EngineError(
            "part of it could not be removed:\n" + "\n".join(self._failures),
            remedy=f"{len(exists)} resources remain. Protected ones stay until the program no "
            "longer protects them; buckets and vaults must be empty. Then run `down` again.",
            exists=exists,
        )

    def _run(self, verb: str, *arguments: str, failed: Callable[[], EngineError]) -> Iterator[str]:
        """Run a verb with machine-readable output, telling what happens."""
        self._failures = []
        command = [self._command, verb, "-json", "-input=false", *arguments]
        with subprocess.Popen(  # noqa: S603 the command is the engine's, the arguments are ours
            command,
            cwd=self._deployment.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process:
            for line in process.stdout or ():
                told = self._understood(line)
                if told:
                    yield told
        if process.returncode:
            raise failed()

    def _understood(self, line: str) -> str:
        """A line for a person, or nothing; keeps totals and failures."""
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            return line.strip()
        kind = event.get("type")
        if kind == "change_summary":
            told = event["changes"]
            self.changes = Changes(told["add"], told["change"], told["remove"])
        if kind == "diagnostic":
            told = event["diagnostic"]
            text = ": ".join(
                part for part in (told.get("address"), told["summary"], told.get("detail")) if part
            )
            if told["severity"] != "error":
                return ""
            self._failures.append(text)
            return f"failed: {text}"
        return str(event["@message"]) if kind in _SHOWN else ""

    def _ask(self, *arguments: str) -> str:
        done = self._call(*arguments)
        if done.returncode:
            raise EngineError(
                f"{self.name} {arguments[0]} failed: {done.stderr.strip()}",
                remedy="Run `up` first; this folder knows of nothing deployed.",
            )
        return done.stdout

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 the command is the engine's, the arguments are ours
            [self._command, *arguments],
            cwd=self._deployment.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, **self._deployment.environment, "TF_IN_AUTOMATION": "1"}
        settings = environment.get("TF_CLI_CONFIG_FILE")
        if settings and not Path(settings).is_file():
            del environment["TF_CLI_CONFIG_FILE"]  # Terraform warns about it on every call
        return environment


def _lab_override(folder: Path, endpoints: Mapping[str, str]) -> dict[str, Any]:
    """A configuration beside the export that sends each of its providers to an emulator.

    https://developer.hashicorp.com/terraform/language/files/override
    """
    exported = json.loads((folder / "main.tf.json").read_text(encoding="utf-8"))
    providers: list[dict[str, Any]] = exported.get("provider", {}).get("aws", [{}])
    common: dict[str, Any] = {
        "endpoints": [dict(sorted(endpoints.items()))],
        "s3_use_path_style": True,
        "max_retries": 3,  # an emulator answers what it lacks with errors that look transient
    }
    blocks = [
        {**common, **({"alias": told["alias"]} if "alias" in told else {})} for told in providers
    ]
    return {"provider": {"aws": blocks}}
