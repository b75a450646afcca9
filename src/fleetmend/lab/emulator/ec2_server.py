"""moto's EC2, Auto Scaling and load balancing on loopback, with physics, faults and a history.

moto runs in this process, which is what lets the physics move its instances.
"""

import io
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree as Xml

from fleetmend.lab.emulator import group_calls, paging, refusing
from fleetmend.lab.emulator.calls import Tape, WireCall, read
from fleetmend.lab.emulator.control import PATH, Control
from fleetmend.lab.emulator.faults import Disturbance, FaultBook, error_body, error_of
from fleetmend.lab.emulator.launches import Launches
from fleetmend.lab.emulator.physics import CHECKS, Pace, Physics
from fleetmend.lab.emulator.processes import ACCOUNT, HOST, EmulatorFailed, listen
from fleetmend.lab.emulator.scaling import LabClock, MotoHerd
from fleetmend.lab.emulator.timers import Timers
from fleetmend.lab.emulator.trail import WireTrail, error_in
from fleetmend.lab.emulator.untyped import Untyped
from fleetmend.lab.sim.replies import CODES, STATUS

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Answer = tuple[int, list[tuple[str, str]], bytes]

_SERVED: set[str] = set()
"""The regions served by this process: moto keeps its state in the process, one for each region."""

_XML = [("content-type", "text/xml;charset=UTF-8")]


class Dropped(ConnectionAbortedError):
    """The connection was cut on purpose; werkzeug takes it as a client that went away."""


class Ec2Gateway:
    """A WSGI application around moto's."""

    def __init__(
        self, inner: Untyped, physics: Physics, herd: MotoHerd, lock: threading.RLock
    ) -> None:
        self._inner = inner
        self.trail = WireTrail(physics.region, physics.pace.speed)
        self.physics = physics
        self.herd = herd
        self.lock = lock
        self.tape = Tape()
        self.book = FaultBook()
        self.page_size = paging.MOST
        """Items on a page when a describe does not say."""
        self.may_start: dict[str, tuple[str, str]] = {}
        """By caller: the tag that IAM demands of every instance it starts, of what it makes, and of
        the groups it touches. moto asks no IAM."""
        self.may_tag: dict[str, frozenset[str]] = {}
        """By caller: the keys of tags that IAM lets it set and take off."""
        self._launches = Launches(physics)
        self.signal: Callable[[int, str], object] = lambda _process, _name: None
        """Sends a signal (KILL, STOP, CONT) to the process of a function."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if str(environ["PATH_INFO"]).startswith(PATH):
            status, headers, content = self._control(environ, body)
        else:
            status, headers, content = self._aws(environ, body)
        kept = [(k, v) for k, v in headers if k.lower() not in {"content-length", "connection"}]
        start_response(f"{status} Lab", [*kept, ("content-length", str(len(content)))])
        return [content]

    def _aws(self, environ: Environ, body: bytes) -> Answer:
        headers = {
            key[5:].replace("_", "-").lower(): str(value)
            for key, value in environ.items()
            if key.startswith("HTTP_")
        }
        headers["content-type"] = str(environ.get("CONTENT_TYPE", ""))
        call = read(
            environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], headers, body
        )
        strike = self.book.strike(call)
        kind = strike.kind if strike else ""
        if strike and strike.breaks:
            self.tape.add(call.answered(0, "NoAnswer", lost=True))
            self._drop(environ)
        if strike and kind in {"error", "throttle"}:
            code, status = error_of(strike, call.service)
            content, shown = error_body(call.service, code, "The lab was told to answer so.")
            self.tape.add(call.answered(status, code))
            return status, list(shown.items()), content
        if strike and kind == "slow":
            time.sleep(strike.seconds)
        if strike and kind == "pause":
            self.signal(call.process, "STOP")
            time.sleep(strike.seconds)
            self.signal(call.process, "CONT")
        if kind == "crash-before":
            self.tape.add(call.answered(0, "NoAnswer", lost=True))
            self.signal(call.process, "KILL")
            self._drop(environ)
        with self.lock:
            answer = self._obey(call, environ, body)
            lost = kind in {"lost", "crash-after"}
            call = call.answered(answer[0], error_in(answer), lost=lost)
            self.tape.add(call)
            self.trail.note(call, answer[2], before=self.physics.born_settled)
        if kind == "crash-after":
            self.signal(call.process, "KILL")
        if lost:
            self._drop(environ)
        return answer

    def _drop(self, environ: Environ) -> None:
        connection: socket.socket = environ["werkzeug.socket"]
        connection.shutdown(socket.SHUT_RDWR)
        raise Dropped

    def _obey(self, call: WireCall, environ: Environ, body: bytes) -> Answer:
        """Have moto do it, with what it lacks before and after."""
        try:
            match call.service, call.operation:
                case "autoscaling" | "elasticloadbalancing", _:
                    tag = self.may_start.get(call.caller)
                    answer = group_calls.serve(self.herd, call, tag)
                    return answer or self._passed_on(call, environ, body)
                case "ec2", "DescribeInstances" | "DescribeInstanceStatus":
                    return self._describe(call, environ)
                case "ec2", "StartInstances" | "StopInstances" | "TerminateInstances":
                    return self._change(call, environ, body)
                case "ec2", "RebootInstances":
                    return self._reboot(call, environ, body)
                case "ec2", "ModifyInstanceAttribute" if call.caller:
                    self._authorize(call, call.subjects)
                    refusing.check_type_change(self.physics.instances(), call.subjects)
                    return self._passed_on(call, environ, body)
                case "ec2", "AttachVolume" | "AttachNetworkInterface" | "AssociateAddress":
                    self._authorize(call, [*call.subjects, *refusing.parts_in(call.parameters)])
                    return self._passed_on(call, environ, body)
                case "ec2", "RunInstances" | "CreateVolume":
                    tag = self.may_start.get(call.caller)
                    return self._launches.serve(call, tag, lambda: self._forward(environ, body))
                case "ec2", "CreateTags" | "DeleteTags" if call.caller in self.may_tag:
                    refusing.check_keys(call, self.may_tag[call.caller])
                    return self._passed_on(call, environ, body)
                case _:
                    return self._passed_on(call, environ, body)
        except paging.Refused as refused:
            status = STATUS.get(refused.code, 400)
            return status, _XML, error_body("ec2", refused.code, str(refused))[0]

    def _passed_on(self, call: WireCall, environ: Environ, body: bytes) -> Answer:
        """What moto alone can answer, and CloudTrail's history."""
        if (call.service, call.operation) == ("cloudtrail", "LookupEvents"):
            return self.trail.serve(call)
        answer = self._forward(environ, body)
        if not call.operation.startswith("Describe"):
            self.physics.discover()
        return answer

    def _describe(self, call: WireCall, environ: Environ) -> Answer:
        start, size = paging.window(call.operation, call.parameters, self.page_size)
        kept = {k: v for k, v in call.parameters.items() if k not in {"MaxResults", "NextToken"}}
        wanted = paging.filtered_checks(kept) if call.operation == "DescribeInstanceStatus" else {}
        # moto would cut at 100 reservations and hand out a token of its own.
        asked = {"Action": call.operation, **kept}
        if call.operation == "DescribeInstances" and not _ids(call.parameters):
            asked["MaxResults"] = str(10**9)
        restore = self.physics.rewind()
        try:
            answer = self._forward(environ, urlencode(asked).encode())
        finally:
            restore()
        if answer[0] != 200:
            return answer
        document = paging.parse(answer[2])
        if call.operation == "DescribeInstanceStatus":
            for item in list(document.iter(paging.tag("item"))):
                self._show_checks(item)
            paging.keep_checks(document, wanted)
        paging.page(call.operation, document, start, size)
        if call.operation == "DescribeInstances":
            for item in list(document.iter(paging.tag("item"))):
                self._show_operator(item)
        return 200, _XML, paging.text(document)

    def _show_checks(self, item: Xml.Element) -> None:
        name = item.findtext(paging.tag("instanceId"))
        state = item.findtext(f"{paging.tag('instanceState')}/{paging.tag('name')}")
        if not name:
            return
        summaries = self.physics.summaries(name)
        if state != "running":
            summaries = dict.fromkeys(CHECKS, "not-applicable")
        elements = {paging.ELEMENTS[check]: status for check, status in summaries.items()}
        paging.status_item(item, elements, self.physics.body(name).retires_at)

    def _show_operator(self, item: Xml.Element) -> None:
        name = item.findtext(paging.tag("instanceId"))
        operator = self.physics.body(name).operator if name else ""
        if operator:
            shown = Xml.SubElement(item, paging.tag("operator"))
            Xml.SubElement(shown, paging.tag("managed")).text = "true"
            Xml.SubElement(shown, paging.tag("principal")).text = operator

    def _change(self, call: WireCall, environ: Environ, body: bytes) -> Answer:
        ids = _ids(call.parameters)
        known = self.physics.instances()
        before = {name: str(known[name].state) for name in ids if name in known}
        dry = str(call.parameters.get("DryRun", "")).lower() == "true"
        if len(before) == len(ids) and not dry:
            self._authorize(call, ids)
            if call.operation == "StartInstances":
                self.physics.check_start(ids)
            elif call.operation == "StopInstances":
                refusing.check_stop(known, ids)
        gone = before if call.operation == "TerminateInstances" and not dry else ()
        with self.herd.ending(gone):
            answer = self._forward(environ, body)
        if answer[0] != 200 or dry:
            return answer
        match call.operation:
            case "StartInstances":
                self.physics.started(before)
            case "StopInstances":
                self.physics.stopped(before)
            case _:
                self.physics.terminated(before)
        return self._told(call.operation, before)

    def _reboot(self, call: WireCall, environ: Environ, body: bytes) -> Answer:
        ids = _ids(call.parameters)
        self._authorize(call, ids)
        refusing.check_reboot(self.physics.instances(), ids)
        answer = self._forward(environ, body)
        for name in ids if answer[0] == 200 else ():
            self.physics.rebooted(name)
        return answer

    def _authorize(self, call: WireCall, ids: Iterable[str]) -> None:
        if call.caller in self.may_start:
            tag = self.may_start[call.caller]
            refusing.check_tag(self.physics.tags, call.operation, ids, *tag)

    def _told(self, operation: str, before: Mapping[str, str]) -> Answer:
        """The answer to a change of states: moto's own always claims that something moved."""
        document = Xml.Element(paging.tag(f"{operation}Response"))
        Xml.SubElement(document, paging.tag("requestId")).text = "lab"
        holder = Xml.SubElement(document, paging.tag("instancesSet"))
        known = self.physics.instances()
        for name, was in before.items():
            item = Xml.SubElement(holder, paging.tag("item"))
            Xml.SubElement(item, paging.tag("instanceId")).text = name
            for key, state in (("currentState", str(known[name].state)), ("previousState", was)):
                shown = Xml.SubElement(item, paging.tag(key))
                Xml.SubElement(shown, paging.tag("code")).text = str(CODES[state])
                Xml.SubElement(shown, paging.tag("name")).text = state
        return 200, _XML, paging.text(document)

    def _forward(self, environ: Environ, body: bytes) -> Answer:
        """Ask moto."""
        got: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            got.append((int(status.partition(" ")[0]), headers))

        given = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        content = b"".join(self._inner(given, start_response))
        status, headers = got[-1]
        return status, headers, content

    def _control(self, environ: Environ, body: bytes) -> Answer:
        query = {k: v[0] for k, v in parse_qs(environ["QUERY_STRING"]).items()}
        data: Untyped = json.loads(body or b"{}")
        result: object = {}
        match str(environ["PATH_INFO"]).removeprefix(PATH):
            case "calls":
                result = [call.as_json() for call in self.tape.since(int(query["since"]))]
            case "who":
                result = {"pid": os.getpid()}
            case "disturb":
                self.book.add(Disturbance.from_json(data))
            case "calm":
                self.book.clear()
            case _:
                return 404, [], b'{"error": "no such control"}'
        return 200, [("content-type", "application/json")], json.dumps(result).encode()


def _ids(parameters: Mapping[str, Any]) -> list[str]:
    """The instance ids of a request, in their order."""
    keys = [key for key in parameters if key.startswith("InstanceId.")]
    keys.sort(key=lambda key: int(key.rpartition(".")[2]))
    return list(dict.fromkeys(str(parameters[key]) for key in keys))


class Ec2Server:
    """moto behind the gateway, served by threads of this process; use as a context manager."""

    def __init__(self, *, region: str, pace: Pace, port: int = 0) -> None:
        self._region = region
        self._pace = pace
        self._port = port
        self._server: Untyped = None
        self._holds = False
        self._thread: threading.Thread | None = None
        self.timers: Timers
        self.gateway: Ec2Gateway
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Load moto and serve it.

        Raises:
            EmulatorFailed: when the port is taken or moto cannot be loaded.
        """
        if self._region in _SERVED:
            raise EmulatorFailed(
                f"this process serves EC2 of {self._region} already",
                remedy="stop the other lab first, or take another region",
            )
        _SERVED.add(self._region)
        self._holds = True
        # moto reads these once, when it is imported; its stock of images costs 3 s and 60 MB.
        os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        try:
            from moto.autoscaling.models import autoscaling_backends  # noqa: PLC0415 - 2 s to load
            from moto.ec2.models import ec2_backends  # noqa: PLC0415
            from moto.elbv2.models import elbv2_backends  # noqa: PLC0415
            from moto.moto_server import werkzeug_app  # noqa: PLC0415
            from werkzeug.serving import make_server  # noqa: PLC0415
        except ImportError as error:
            raise EmulatorFailed(
                f"moto cannot be loaded: {error}", remedy="install the lab's packages: make setup"
            ) from error
        lock = threading.RLock()
        backends: list[Untyped] = [elbv2_backends, autoscaling_backends, ec2_backends]
        for each in backends:  # they belong to the process, not to this server
            each[ACCOUNT][self._region].reset()
        self.timers = Timers()
        physics = Physics(backends[-1][ACCOUNT][self._region], self._pace, self.timers, lock)
        wsgi: Untyped = werkzeug_app
        inner = wsgi.DomainDispatcherApplication(wsgi.create_backend_app)
        clock = LabClock(self.timers, lock, self._pace.speed)
        herd = MotoHerd(autoscaling_backends[ACCOUNT][self._region], physics, clock)
        self.gateway = Ec2Gateway(inner, physics, herd, lock)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # one line for each request
        with listen(self._port) as listening:
            serve: Untyped = make_server
            self._server = serve(
                HOST,
                0,
                self.gateway,
                threaded=True,
                request_handler=wsgi.MotoRequestHandler,
                fd=listening.fileno(),
            )
        self.url = f"http://{HOST}:{self._server.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="lab-ec2", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; harmless when it never started."""
        if self._holds:
            self._holds = False
            _SERVED.discard(self._region)
        if self._server is None:
            return
        self.timers.stop()
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join(5)
        self._server = None

    @property
    def control(self) -> Control:
        """The gateway's control paths."""
        return Control(self.url)
