"""Where the real SDK meets the simulated AWS: botocore's events, just before the network.

Serialisation, retries, back-off, error parsing and pagination are botocore's own. Replaced are
the HTTP request itself, the sleep between two tries, and the signature, which nobody checks.
A container is a set of clients of its own, as every Lambda container has one.
"""

import io
import random
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import boto3
import botocore.endpoint
import botocore.retries.quota
import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from fleetmend.aws import inventory
from fleetmend.lab.sim import render
from fleetmend.lab.sim.replies import Answer, AwsError, NoAnswer, Raw

Serve = Callable[[str, str, Mapping[str, Any], float], Answer]
"""Answers one request: (service, operation, parameters, the client's read time-out)."""


class _Switch:
    """Where requests go just now. One world at a time, in one process."""

    serve: Serve | None = None
    sleep: Callable[[float], None] | None = None


_stash = threading.local()


@contextmanager
def connected(serve: Serve, sleep: Callable[[float], None], seed: int) -> Generator[None]:
    """While inside, requests of the clients made here go to `serve`, and their waits to `sleep`.

    The SDK draws the jitter of its back-off from Python's global generator: it is seeded, and
    put back as it was.
    """
    if _Switch.serve is not None:
        raise RuntimeError("another simulation is under way in this process")
    state = random.getstate()
    random.seed(seed)
    _Switch.serve, _Switch.sleep = serve, sleep
    endpoint = cast("Any", botocore.endpoint)
    before, endpoint.time = endpoint.time, _Time
    try:
        yield
    finally:
        endpoint.time = before
        _Switch.serve = _Switch.sleep = None
        random.setstate(state)


class _Time:
    """Stands in for the module `time` in `botocore.endpoint`, which uses only its sleep."""

    @staticmethod
    def sleep(seconds: float) -> None:
        """Let virtual time pass."""
        if _Switch.sleep is None:
            raise RuntimeError("the SDK sleeps outside of a simulation")
        _Switch.sleep(seconds)


@dataclass(frozen=True)
class Container:
    """One Lambda container: clients, made once, and their retry budgets."""

    region: str
    clients: dict[str, Any]
    quotas: list[Any]

    def client(self, service: str, **settings: Any) -> Any:  # noqa: ANN401 -- boto3's clients
        """A client of the service; what `boto3.session.Session.client` is to the product."""
        config = cast("Config | None", settings.get("config"))
        role = str(settings.get("aws_session_token", ""))
        key = f"{service}/{vars(config) if config else ''}/{role}"
        if key not in self.clients:
            self.clients[key] = self._made(service, settings)
        return self.clients[key]

    def fresh(self) -> None:
        """As after a cold start: the retry budgets are full."""
        for quota in self.quotas:
            quota._available_capacity = quota._max_capacity  # noqa: SLF001 -- botocore has no word for it

    def _made(self, service: str, settings: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """A new client; the quota that botocore makes for it is caught on the way."""
        module = cast("Any", botocore.retries.quota)
        original = module.RetryQuota

        def caught(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            made = original(*args, **kwargs)
            self.quotas.append(made)
            return made

        module.RetryQuota = caught
        try:
            client = _session().client(service, **{"region_name": self.region, **settings})
        finally:
            module.RetryQuota = original
        # Nobody reads it, and botocore makes it anew twice for every request.
        client._user_agent_creator.to_string = lambda: "simulated"  # noqa: SLF001
        if settings.get("aws_session_token"):
            _mark(client, {"Role": settings["aws_session_token"]})
        return client


_containers: dict[tuple[str, int], Container] = {}


def container(region: str, number: int) -> Container:
    """The n-th container; clients cost tens of milliseconds, so they outlive a simulation."""
    key = (region, number)
    if key not in _containers:
        _containers[key] = Container(region, {}, [])
    return _containers[key]


_sessions: list[Any] = []


def _session() -> Any:  # noqa: ANN401 -- boto3 carries no types
    if not _sessions:
        core = cast("Any", botocore.session).Session()
        _connect(core)
        _sessions.append(
            cast("Any", boto3).session.Session(
                aws_access_key_id="SIMULATED",
                aws_secret_access_key="SIMULATED",  # noqa: S106 -- never leaves the process
                botocore_session=core,
            )
        )
    return _sessions[0]


def _connect(core: Any) -> None:  # noqa: ANN401 -- botocore carries no types
    """Have the requests of a botocore session answered here."""
    events = core.get_component("event_emitter")
    events.register_first("choose-signer", _unsigned)  # S3 has a choice of its own
    events.register_last("before-parameter-build", _keep_parameters)
    events.register("before-call", _keep_model)
    events.register("before-send", _send)


_scanners: dict[tuple[str, str], Any] = {}


def scanner(account: str, region: str) -> Any:  # noqa: ANN401 -- botocore's clients
    """The client of a scan of one account's region; made once, since that costs a while.

    Requests are unsigned, so the tape could not tell whose a call is: they name their `Branch`.
    """
    key = (account, region)
    if key not in _scanners:
        keys = {"aws_access_key_id": account, "aws_secret_access_key": "SIMULATED"}
        made = _scanners[key] = inventory.scanner(region, credentials=keys, prepare=_connect)
        _mark(made, {"Branch": f"{account}/{region}"})
    return _scanners[key]


def _mark(client: Any, whose: Mapping[str, str]) -> None:  # noqa: ANN401 -- botocore's clients
    """Have a client's requests, which are unsigned, say whose they are."""

    def keep(context: dict[str, Any], **_: object) -> None:
        context["simulated"] = {**context["simulated"], **whose}

    client.meta.events.register_last("before-call", keep)


def _unsigned(**_: object) -> object:
    return UNSIGNED


def _keep_parameters(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
    body = params.get("Body")  # botocore has made a file of S3's bytes by now
    plain = {"Body": body.getvalue()} if isinstance(body, io.BytesIO) else {}
    context["simulated"] = {**params, **plain}


def _keep_model(model: object, context: Mapping[str, Any], **_: object) -> None:
    _stash.call = (model, context)


class _Request(Protocol):
    """What is used of botocore's AWSPreparedRequest."""

    url: str


def _send(request: _Request, **_: object) -> AWSResponse:
    """What stands in for the network."""
    model, context = cast("tuple[Any, Mapping[str, Any]]", _stash.call)
    name = str(model.name)
    if _Switch.serve is None:
        raise RuntimeError(f"{name}: a client of the simulation is used outside of one")
    service = str(model.service_model.service_name)
    protocol = str(model.service_model.resolved_protocol)
    read = float(context["client_config"].read_timeout)
    try:
        answer = _Switch.serve(service, name, context["simulated"], read)
    except AwsError as problem:
        headers, body = render.error(protocol, problem)
        return _response(request.url, Raw(problem.status, headers, body))
    except NoAnswer as silence:
        if silence.timed_out:
            raise ReadTimeoutError(endpoint_url=request.url) from None
        raise ConnectionClosedError(endpoint_url=request.url) from None
    if not isinstance(answer, Raw):
        answer = Raw(200, {}, render.answer(name, protocol, model.output_shape, answer))
    return _response(request.url, answer)


class _Body(io.BytesIO):
    """A response's body as urllib3 hands it over."""

    def stream(self, **_: object) -> Generator[bytes]:
        """All of it at once."""
        yield self.read()


def _response(url: str, raw: Raw) -> AWSResponse:
    headers = {"Content-Length": str(len(raw.body)), **raw.headers}
    return AWSResponse(url, raw.status, headers, _Body(raw.body))
