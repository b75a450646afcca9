"""Pulumi as the engine, through its automation API.

https://www.pulumi.com/docs/using-pulumi/automation-api/
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Protocol, TypeVar, cast

from pulumi import automation

from fleetmend.deploy.engine import Changes, Deployment, EngineError, remains

_T = TypeVar("_T")


class StackLike(Protocol):
    """What this module uses of `pulumi.automation.Stack`."""

    def set_all_config(self, config: dict[str, automation.ConfigValue]) -> None:
        """Set the stack's configuration."""
        ...

    def preview(self, *, on_output: Callable[[str], None]) -> automation.PreviewResult:
        """Run `pulumi preview`."""
        ...

    def up(self, *, on_output: Callable[[str], None]) -> automation.UpResult:
        """Run `pulumi up`."""
        ...

    def destroy(self, *, on_output: Callable[[str], None]) -> automation.DestroyResult:
        """Run `pulumi destroy`."""
        ...

    def outputs(self) -> automation.OutputMap:
        """The stack's outputs."""
        ...

    def export_stack(self) -> automation.Deployment:
        """The stack's state."""
        ...


def open_stack(deployment: Deployment) -> StackLike:
    """The stack, made if it is not there. Its backend is the one that `pulumi login` chose."""
    stack = automation.create_or_select_stack(
        stack_name=deployment.stack,
        project_name=deployment.project,
        program=deployment.program,
        opts=automation.LocalWorkspaceOptions(env_vars=dict(deployment.environment)),
    )
    return cast("StackLike", stack)


class Pulumi:
    """Runs the program itself. Pulumi's backend holds the state."""

    name = "pulumi"

    def __init__(
        self, deployment: Deployment, opener: Callable[[Deployment], StackLike] = open_stack
    ) -> None:
        self.changes = Changes()
        self._deployment = deployment
        self._opener = opener
        self._stack: StackLike | None = None

    def plan(self) -> Iterator[str]:
        """See `Engine.plan`."""
        stack = self._open()
        result = yield from self._telling(
            lambda tell: stack.preview(on_output=tell),
            "Nothing was changed. Put right what is named, then run the command again.",
        )
        self.changes = _changes(_plain(result.change_summary))

    def up(self) -> Iterator[str]:
        """See `Engine.up`."""
        stack = self._open()
        result = yield from self._telling(
            lambda tell: stack.up(on_output=tell),
            "To go on: put right what is named and run `up` again, it continues where it stopped. "
            "To go back: `down` removes what exists.",
        )
        self.changes = _changes(_plain(result.summary.resource_changes))

    def down(self) -> Iterator[str]:
        """See `Engine.down`."""
        stack = self._open()
        result = yield from self._telling(
            lambda tell: stack.destroy(on_output=tell),
            "Protected resources stay until the program no longer protects them; buckets and "
            "vaults must be empty. Then run `down` again.",
        )
        self.changes = _changes(_plain(result.summary.resource_changes))
        for line in remains(self._deployment.captured()):
            yield f"remains: {line}"

    def outputs(self) -> dict[str, Any]:
        """See `Engine.outputs`. Secret ones are in it: show them to nobody."""
        return {name: told.value for name, told in self._open().outputs().items()}

    def _open(self) -> StackLike:
        if self._stack is None:
            told = self._deployment
            try:
                self._stack = self._opener(told)
                self._stack.set_all_config(
                    {
                        name if ":" in name else f"{told.project}:{name}": automation.ConfigValue(
                            value, secret=name in told.secret_keys
                        )
                        for name, value in told.config.items()
                    }
                )
            except automation.CommandError as error:
                raise EngineError(
                    f"pulumi could not open the stack {told.stack}: {error}",
                    remedy="Log in to a backend first: `pulumi login`, or `pulumi login --local`.",
                ) from error
        return self._stack

    def _telling(
        self, work: Callable[[Callable[[str], None]], _T], remedy: str
    ) -> Generator[str, None, _T]:
        """Run `work` on a thread and yield what it prints, line by line; its result at the end."""
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        done: list[_T] = []
        raised: list[Exception] = []

        def body() -> None:
            try:
                done.append(work(lines.put))
            except Exception as error:  # noqa: BLE001 handed to the caller below
                raised.append(error)
            finally:
                lines.put(None)

        thread = threading.Thread(target=body, name="pulumi", daemon=True)
        thread.start()
        while (line := lines.get()) is not None:
            yield line.rstrip()
        thread.join()
        if raised:
            raise EngineError(
                f"pulumi failed: {raised[0]}", remedy=remedy, exists=self._existing()
            ) from raised[0]
        return done[0]

    def _existing(self) -> tuple[str, ...]:
        """URNs of what the state says exists; none where even that cannot be asked."""
        try:
            state = self._open().export_stack().deployment or {}
        except Exception:  # noqa: BLE001 the first failure is the one to tell about
            return ()
        resources = cast("list[dict[str, Any]]", state.get("resources", []))
        return tuple(str(told["urn"]) for told in resources if told.get("custom"))


def _plain(counts: Mapping[automation.OpType, int] | Mapping[str, int] | None) -> dict[str, int]:
    """Counts by the operation's name; the API tells it as an enum or as its value."""
    return {
        name.value if isinstance(name, automation.OpType) else name: count
        for name, count in (counts or {}).items()
    }


def _changes(summary: Mapping[str, int]) -> Changes:
    """Pulumi counts by operation; a replacement is one added and one removed."""
    replaced = summary.get("replace", 0)
    return Changes(
        add=summary.get("create", 0) + replaced,
        change=summary.get("update", 0),
        remove=summary.get("delete", 0) + replaced,
    )
