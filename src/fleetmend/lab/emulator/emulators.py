"""Both emulators as one: started together, stopped together, one set of endpoints."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Self

import boto3
from botocore.config import Config

from fleetmend.lab.emulator.calls import LAB, WireCall
from fleetmend.lab.emulator.control import Control
from fleetmend.lab.emulator.ec2_server import Ec2Server
from fleetmend.lab.emulator.faults import Disturbance
from fleetmend.lab.emulator.physics import UNTOLD, Change, Pace, Physics
from fleetmend.lab.emulator.processes import ACCOUNT, MinistackProcess
from fleetmend.lab.emulator.scaling import MotoHerd
from fleetmend.lab.emulator.state_events import StateEvents
from fleetmend.lab.emulator.untyped import Untyped

ON_MOTO = {
    "autoscaling": "AWS_ENDPOINT_URL_AUTO_SCALING",
    "cloudtrail": "AWS_ENDPOINT_URL_CLOUDTRAIL",
    "ec2": "AWS_ENDPOINT_URL_EC2",
    "elbv2": "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
}
"""The services at EC2's gateway, by boto3's name, and the variable that says where they are."""

_EC2_SERVICES = {"autoscaling", "cloudtrail", "ec2", "elasticloadbalancing"}


def say_nothing(_: str) -> None:
    """A listener for progress lines that nobody reads."""


class Emulators:
    """The embedded AWS of one region; use as a context manager.

    Args:
        region: where everything is.
        pace: how long EC2 takes, in real seconds.
        tell: gets one line for each step of starting and stopping.
        ports: fixed ports for (EC2, the rest); 0 takes a free one.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        pace: Pace | None = None,
        tell: Callable[[str], None] = say_nothing,
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        self.region = region
        self._tell = tell
        self.ministack = MinistackProcess(region=region, port=ports[1])
        self.ec2_server = Ec2Server(region=region, pace=pace or Pace(), port=ports[0])
        self.events: StateEvents
        self.changes: list[Change] = []
        """Every change of an instance's state, in order."""
        self._clients: dict[str, Untyped] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start both.

        Raises:
            EmulatorFailed: when one does not start; nothing is left behind then.
        """
        began = time.monotonic()
        try:
            self.ministack.begin()
            self.ec2_server.start()
            self._tell(f"EC2 is up at {self.ec2_server.url}")
            self.ministack.wait()
        except BaseException:
            self.stop()
            raise
        gateway = self.ec2_server.gateway
        gateway.signal = lambda process, name: self.control.post(
            "signal", {"process": process, "signal": name}
        )
        self.events = StateEvents(self.control, self.region, self.ec2_server.timers)
        gateway.physics.watch(self._changed)
        gateway.herd.tell = self.events.scaled
        self._tell(f"the rest of AWS is up at {self.ministack.url}")
        self._tell(f"the embedded AWS is ready after {time.monotonic() - began:.1f} s")

    def stop(self) -> None:
        """Stop both; harmless when they are stopped already."""
        if hasattr(self, "events"):
            self.events.stop()
        for client in self._clients.values():
            with contextlib.suppress(Exception):
                client.close()
        self._clients.clear()
        try:
            self.ec2_server.stop()
        finally:
            self.ministack.stop()

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        if change.state not in UNTOLD:
            self.events.publish(change.instance, change.state)

    @property
    def physics(self) -> Physics:
        """The fleet's states; hold `lock` while you use it."""
        return self.ec2_server.gateway.physics

    @property
    def herd(self) -> MotoHerd:
        """The groups, and what Auto Scaling does with them; hold `lock` while you use it."""
        return self.ec2_server.gateway.herd

    @property
    def lock(self) -> contextlib.AbstractContextManager[object]:
        """Whoever touches the physics holds this."""
        return self.ec2_server.gateway.lock

    @property
    def control(self) -> Control:
        """MiniStack's gateway."""
        return Control(self.ministack.url)

    def environment(self) -> dict[str, str]:
        """What an AWS SDK or the CLI must have in its environment to speak to the lab."""
        return {
            **self.endpoints(),
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def endpoints(self) -> dict[str, str]:
        """The endpoint variables alone, as functions need them."""
        return {
            "AWS_ENDPOINT_URL": self.ministack.url,
            **dict.fromkeys(ON_MOTO.values(), self.ec2_server.url),
        }

    def client(self, service: str, *, by: str = "") -> Untyped:
        """A boto3 client of the lab's own, which no fault strikes.

        With `by`, what it calls is that person's doing, as far as CloudTrail knows.
        """
        name = f"{service}/{by}"
        if name not in self._clients:
            key = {"AWS_ACCESS_KEY_ID": self.ec2_server.gateway.trail.key(by)} if by else {}
            self._clients[name] = client({**self.environment(), **key}, service)
        return self._clients[name]

    def disturb(self, disturbance: Disturbance) -> None:
        """Put a disturbance in force where its service lives; `*` means both."""
        if disturbance.service == "*" or disturbance.service in _EC2_SERVICES:
            self.ec2_server.gateway.book.add(disturbance)
        if disturbance.service not in _EC2_SERVICES:
            self.control.disturb(disturbance)

    def backdate(self, parameter: str, seconds: float) -> None:
        """Let a parameter have been written so many real seconds earlier."""
        scope = {"account": ACCOUNT, "region": self.region}
        self.control.post("backdate", {**scope, "name": parameter, "seconds": seconds})

    def calm(self) -> None:
        """End all disturbances."""
        self.ec2_server.gateway.book.clear()
        self.control.calm()

    def calls(self) -> list[WireCall]:
        """Every call so far on both gateways, the lab's own left out, in order of time."""
        both = [*self.ec2_server.gateway.tape.since(0), *self.control.calls()]
        return sorted((call for call in both if call.caller != LAB), key=lambda call: call.at)


def client(environment: Mapping[str, str], service: str, *, app: str = LAB) -> Untyped:
    """A boto3 client for a lab's environment (as `Emulators.environment` gives it)."""
    url = environment.get(ON_MOTO.get(service, ""), environment["AWS_ENDPOINT_URL"])
    sdk: Untyped = boto3
    return sdk.client(
        service,
        endpoint_url=url,
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(
            user_agent_appid=app,
            proxies={},  # whatever the environment says, loopback needs no proxy
            retries={"mode": "standard", "total_max_attempts": 3},
            read_timeout=65,
            max_pool_connections=20,
        ),
    )
