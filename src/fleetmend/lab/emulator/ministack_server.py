"""MiniStack in a process of its own, behind a gateway that records, disturbs and reports.

Run as a program by `processes.py`: `python -m fleetmend.lab.emulator.ministack_server FD`, with a
listening socket as file descriptor FD. `python -m ministack` would bind every address. The process
ends when its standard input ends, so that it cannot outlive whoever started it, not even one that
was killed.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, cast
from urllib.parse import parse_qs

from fleetmend.lab.emulator.calls import EXECUTION_ENVIRONMENT, Tape, read
from fleetmend.lab.emulator.control import PATH
from fleetmend.lab.emulator.faults import Disturbance, FaultBook, error_body, error_of
from fleetmend.lab.emulator.untyped import Fields, Untyped, items

_LOGGER = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


KEPT_BODY = 65_536
"""Bytes: bodies of objects up to this size are kept with the call; a record is far smaller."""


class MinistackGateway:
    """An ASGI application around MiniStack's."""

    def __init__(self, inner: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._inner = inner
        self.tape = Tape()
        self.book = FaultBook()
        self.runs: list[Fields] = []
        self.agents: dict[str, str] = {}
        """What Systems Manager says of agents' pings, by instance: MiniStack knows no agents."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or MiniStack's own start and stop."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        body = await _body(receive)
        if str(scope["path"]).startswith(PATH):
            await self._control(scope, body, send)
        else:
            await self._aws(scope, body, send)

    async def _aws(self, scope: Message, body: bytes, send: Send) -> None:
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        raw = bytes(scope.get("raw_path") or str(scope["path"]).encode())
        path = raw.decode("ascii", "replace").partition("?")[0]
        call = read(scope["method"], path, scope["query_string"].decode(), headers, body)
        if call.operation == "PutObject" and len(body) <= KEPT_BODY:
            call = call.with_body(body)
        strike = self.book.strike(call)
        kind = strike.kind if strike else ""
        if strike and strike.breaks:
            self.tape.add(call.answered(0, "NoAnswer", lost=True))
            await _break(send)
            return
        if strike and kind in {"error", "throttle"}:
            code, status = error_of(strike, call.service)
            content, shown = error_body(call.service, code, "The lab was told to answer so.")
            await _answer(send, status, content, shown)
            self.tape.add(call.answered(status, code))
            return
        if strike and kind == "slow":
            await asyncio.sleep(strike.seconds)
        if strike and kind == "pause":
            signal_worker(call.process, "STOP")
            await asyncio.sleep(strike.seconds)
            signal_worker(call.process, "CONT")
        if kind == "crash-before":
            signal_worker(call.process, "KILL")
            self.tape.add(call.answered(0, "NoAnswer", lost=True))
            return
        answer = _Answer(send, lost=kind in {"lost", "crash-after"})
        if (call.service, call.operation) == ("ssm", "DescribeInstanceInformation"):
            content = json.dumps({"InstanceInformationList": self._pings(call.parameters)}).encode()
            await _answer(answer, 200, content, {"content-type": "application/x-amz-json-1.1"})
        else:
            await self._inner(scope, _replay(body), answer)
        if kind == "crash-after":
            signal_worker(call.process, "KILL")
        self.tape.add(call.answered(answer.status, answer.error, lost=answer.lost))

    def _pings(self, parameters: Mapping[str, Any]) -> list[Fields]:
        """DescribeInstanceInformation: those that are asked for by a filter and have an agent."""
        asked = [str(name) for rule in items(parameters.get("Filters")) for name in rule["Values"]]
        known = [name for name in asked if name in self.agents]
        return [{"InstanceId": name, "PingStatus": self.agents[name]} for name in known]

    async def _control(self, scope: Message, body: bytes, send: Send) -> None:
        query = {k: v[0] for k, v in parse_qs(scope["query_string"].decode()).items()}
        data: Untyped = json.loads(body or b"{}")
        result: object = {}
        match str(scope["path"]).removeprefix(PATH):
            case "calls":
                result = [call.as_json() for call in self.tape.since(int(query["since"]))]
            case "runs":
                result = self.runs[int(query["since"]) :]
            case "disturb":
                self.book.add(Disturbance.from_json(data))
            case "calm":
                self.book.clear()
            case "agents":
                self.agents |= data
            case "event":
                result = await asyncio.to_thread(put_aws_event, data)
            case "backdate":
                backdate(data)
            case "signal":
                result = signal_worker(int(data["process"]), str(data["signal"]))
            case _:
                await _answer(send, 404, b'{"error": "no such control"}', {})
                return
        await _answer(send, 200, json.dumps(result).encode(), {"content-type": "application/json"})


class _Answer:
    """Hands MiniStack's answer on, or swallows it; notes its status and error code."""

    def __init__(self, send: Send, *, lost: bool) -> None:
        self._send = send
        self.lost = lost
        self.status = 0
        self.error = ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = {k.decode().lower(): v.decode() for k, v in message.get("headers", ())}
            self.error = headers.get("x-amzn-errortype", "").partition(":")[0]
        elif message["type"] == "http.response.body" and self.status >= 400 and not self.error:
            self.error = _code(bytes(message.get("body", b"")))
        if not self.lost:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await _break(self._send)


def _code(body: bytes) -> str:
    """AWS's error code in a body, XML or JSON; `Error` if there is none to be found."""
    text = body.decode("utf-8", "replace")
    if "<Code>" in text:
        return text.partition("<Code>")[2].partition("</Code>")[0]
    try:
        return str(json.loads(text)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError):
        return "Error"


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(bytes(message.get("body", b"")))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    """A receive channel that yields the body once; then nothing, as an idle client would."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _break(send: Send) -> None:
    """Let the client see the connection break: a length is promised and never fulfilled."""
    headers = [(b"content-length", b"65536")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    shown = [(key.encode(), value.encode()) for key, value in headers.items()]
    shown.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": shown})
    await send({"type": "http.response.body", "body": body})


def put_aws_event(data: dict[str, Any]) -> dict[str, Any]:
    """Publish one event as AWS itself, which PutEvents refuses everybody else.

    `data` is `account`, `region` and an `entry` of EventBridge's PutEvents. This goes through
    the entrance that MiniStack's own services use, so that the installed rule is matched as it
    stands, with source `aws.ec2`.
    """
    from ministack.core import responses  # noqa: PLC0415 - only this process loads MiniStack
    from ministack.services import eventbridge  # noqa: PLC0415

    services: Untyped = eventbridge
    context: Untyped = responses
    emit: Untyped = services._put_events  # noqa: SLF001 - there is no public entrance for aws.* events
    with context.request_scope(data["account"], data["region"]):
        status, _, body = emit({"Entries": [data["entry"]]}, allow_aws_source=True)
    answer: dict[str, Any] = json.loads(body)
    if status != 200 or answer.get("FailedEntryCount"):
        raise RuntimeError(f"EventBridge refused the lab's event: {answer}")
    return answer


def backdate(data: dict[str, Any]) -> None:
    """Let a parameter (`name`, of an `account` and `region`) be older by so many `seconds`.

    No API can: Parameter Store says by itself when something was written.
    """
    from ministack.core import responses  # noqa: PLC0415 - only this process loads MiniStack
    from ministack.services import ssm  # noqa: PLC0415

    context, service = cast("tuple[Untyped, Untyped]", (responses, ssm))
    with context.request_scope(data["account"], data["region"]):
        service._parameters[data["name"]]["LastModifiedDate"] -= data["seconds"]  # noqa: SLF001


def signal_worker(process: int, name: str) -> bool:
    """Send a signal to one process that runs a function; whether there is such a one.

    KILL is the machine under it that vanishes, STOP and CONT are a machine that freezes.
    """
    from ministack.core import lambda_runtime  # noqa: PLC0415 - only this process loads MiniStack

    runtime: Untyped = lambda_runtime
    for pool in list(runtime._workers.values()):  # noqa: SLF001 - no public way to reach one
        for worker in list(cast("list[Untyped]", pool)):
            running = worker._proc  # noqa: SLF001
            if running is not None and running.pid == process and running.poll() is None:
                running.send_signal(getattr(signal, f"SIG{name}"))
                return True
    return False


WORKER_PRELUDE = (
    f'import os\nos.environ["AWS_EXECUTION_ENV"] = "{EXECUTION_ENVIRONMENT}" + str(os.getpid())\n'
)
"""Runs first in every process of a function: Lambda sets this variable, the SDK tells it with each
call, and so a gateway knows which process a call came from."""


def watch_runs(runs: list[Fields]) -> None:
    """Note the start and end of every function run, which MiniStack itself keeps nowhere."""
    from ministack.core import lambda_runtime  # noqa: PLC0415 - only this process loads MiniStack

    runtime: Untyped = lambda_runtime
    runtime._PYTHON_WORKER_SCRIPT = WORKER_PRELUDE + runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    spawn, inner = runtime.Worker._spawn, runtime.Worker.invoke  # noqa: SLF001
    current: dict[int, Fields] = {}

    def spawned(worker: Untyped) -> None:
        spawn(worker)
        if id(worker) in current:
            current[id(worker)]["process"] = worker._proc.pid  # noqa: SLF001

    def invoke(worker: Untyped, event: Untyped, request_id: str, **context: Untyped) -> Untyped:
        running = worker._proc  # noqa: SLF001
        entry: Fields = {
            "run": request_id,
            "function": worker.func_name,
            "process": running.pid if running is not None else 0,
            "trigger": _trigger(event),
            "started": time.time(),
            "ended": None,
            "error": "",
            "cold": False,
        }
        runs.append(entry)
        current[id(worker)] = entry
        answer = inner(worker, event, request_id, **context)
        entry["ended"] = time.time()
        entry["cold"] = bool(answer.get("cold_start"))
        entry["error"] = str(answer.get("error", "")) if answer.get("status") == "error" else ""
        return answer

    runtime.Worker._spawn = spawned  # noqa: SLF001
    runtime.Worker.invoke = invoke


def _trigger(event: Untyped) -> str:
    """What woke the function: `queue` for a batch, else what the payload says of itself."""
    if not isinstance(event, dict):
        return "unknown"
    given = cast("dict[str, Any]", event)
    return "queue" if "Records" in given else str(given.get("fleetmend", "event"))


async def serve(descriptor: int) -> None:
    """Serve MiniStack on the listening socket until standard input ends or a signal comes."""
    from hypercorn import asyncio as hypercorn  # noqa: PLC0415 - only this process serves it
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(
        target=lambda: (sys.stdin.buffer.read(), loop.call_soon_threadsafe(stop.set)), daemon=True
    ).start()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.graceful_timeout = 0.5
    config.accesslog = None
    config.loglevel = "WARNING"
    ministack: Untyped = app
    gateway = MinistackGateway(ministack.app)
    watch_runs(gateway.runs)
    server: Untyped = hypercorn
    await server.serve(gateway, config, shutdown_trigger=stop.wait)


def _end_workers() -> None:
    """End every function process and remove its folder."""
    from ministack.core import lambda_runtime  # noqa: PLC0415 - only this process loads MiniStack

    runtime: Untyped = lambda_runtime
    runtime.reset()


def main() -> None:
    """Serve, then leave at once: MiniStack's threads would keep the process for minutes."""
    logging.basicConfig(level=logging.WARNING)
    code = 0
    try:
        asyncio.run(serve(int(sys.argv[1])))
    except Exception:
        _LOGGER.exception("MiniStack ended")
        code = 1
    finally:
        _end_workers()
        logging.shutdown()
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)  # its owner may have been killed
        os._exit(code)


if __name__ == "__main__":
    main()
