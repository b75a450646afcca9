"""Run a Pulumi program without Pulumi's engine and keep what it declared.

No command, no plugin, no account: the SDK is given an engine that answers every registration
with tokens. The same program gives the same graph, byte for byte, every time.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from contextvars import copy_context
from typing import Any

from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockEngine, MockSettings
from pulumi.runtime.settings import SETTINGS, configure, set_root_resource
from pulumi.runtime.stack import run_in_stack

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.monitor import STACK_TYPE, CaptureMonitor, Seen
from fleetmend.deploy.problems import CaptureError, Problem
from fleetmend.deploy.references import damaged_references, lost_references

__all__ = ["CaptureError", "Problem", "capture"]


def capture(
    program: Callable[[], None],
    *,
    config: Mapping[str, str],
    project: str = "fleetmend",
    stack: str = "dev",
    secret_keys: Collection[str] = (),
) -> Graph:
    """The graph of what `program` declares under `config`.

    Config keys without a namespace get the project's. Keys in `secret_keys` are secret, as they
    are in a stack's file. The root stack is a node too (type `pulumi:pulumi:Stack`): its inputs
    and secret paths are those of the stack's outputs.

    What the program raises comes out as it is.

    Raises:
        CaptureError: The program ran, but two resources share a URN, a reference was lost or
            damaged, or it needs Pulumi's engine. All such faults at once; `error.graph` is what
            was captured nevertheless.
    """
    monitor = CaptureMonitor(project, stack)
    settings = {_key(name, project): value for name, value in config.items()}
    secrets = [_key(name, project) for name in secret_keys]
    _run_apart(lambda: _drive(program, monitor, settings, secrets, project, stack))
    graph = _graph(monitor.seen, project, stack)
    problems = monitor.seen.problems + _faults(monitor.seen)
    if problems:
        raise CaptureError(problems, graph)
    return graph


def _key(name: str, project: str) -> str:
    return name if ":" in name else f"{project}:{name}"


def _run_apart(work: Callable[[], None]) -> None:
    """Run `work` on a thread of its own, in a copy of the context, and re-raise what it raises.

    The SDK keeps its settings in context variables and its own event loop: so a capture disturbs
    neither a caller that is asynchronous itself nor a test that has mocks of its own.
    """
    raised: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 handed to the caller below
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(body,), name="capture")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _drive(
    program: Callable[[], None],
    monitor: CaptureMonitor,
    config: dict[str, str],
    secret_keys: list[str],
    project: str,
    stack: str,
) -> None:
    set_all_config(config, secret_keys)
    set_root_resource(None)  # pyright: ignore[reportArgumentType] the SDK's own reset does this
    features = monitor.GetDeploymentInfo(None)  # pyright: ignore[reportUnknownMemberType] untyped
    configure(
        MockSettings(
            monitor=monitor,
            monitor_features=set(features.supportedFeatures),
            engine=MockEngine(logging.getLogger(__name__)),
            project=project,
            stack=stack,
            dry_run=False,
            organization="organization",
            callbacks=None,
        )
    )
    # Left over tasks of another run belong to another loop.
    vars_of_run: dict[str, Any] = {"outputs": set[asyncio.Task[Any]](), "lock": threading.Lock()}
    for name, value in vars_of_run.items():
        setattr(SETTINGS, name, value)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(run_in_stack(program))
    finally:
        _close(loop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what a failed program left waiting, so that nothing complains at exit.

    What it raised comes out of `capture`; the futures that the SDK forgot hold the same once more.
    """
    loop.set_exception_handler(lambda _loop, _context: None)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()


def _graph(seen: Seen, project: str, stack: str) -> Graph:
    nodes = {
        urn: _with_outputs(node, seen) if node.type == STACK_TYPE else node
        for urn, node in seen.nodes.items()
    }
    return Graph(
        project=project,
        stack=stack,
        nodes=tuple(nodes[urn] for urn in sorted(nodes)),
        invokes=tuple(seen.invokes[urn] for urn in sorted(seen.invokes)),
        outputs=seen.outputs.values,
    )


def _with_outputs(node: Node, seen: Seen) -> Node:
    return Node(
        urn=node.urn,
        type=node.type,
        name=node.name,
        custom=False,
        inputs=seen.outputs.values,
        secret_paths=tuple(seen.outputs.secret_paths),
    )


def _faults(seen: Seen) -> list[Problem]:
    problems: list[Problem] = []
    for node in (*seen.nodes.values(), *seen.invokes.values()):
        problems += damaged_references(node.urn, node.inputs)
        if node.custom:
            problems += lost_references(node, seen.answers, seen.invokes)
    root = next((node.urn for node in seen.nodes.values() if node.type == STACK_TYPE), "")
    problems += damaged_references(root, seen.outputs.values)
    return problems
