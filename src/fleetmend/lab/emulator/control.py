"""The lab's own entrance to a gateway: what was called, what shall go wrong."""

import json
import urllib.parse
import urllib.request

from fleetmend.lab.emulator.calls import WireCall
from fleetmend.lab.emulator.faults import Disturbance
from fleetmend.lab.emulator.untyped import Untyped

PATH = "/_lab/"
"""Paths under this belong to the lab, on both gateways; no AWS path looks so."""


class Control:
    """A client of one gateway's control paths; also works from another process."""

    def __init__(self, url: str) -> None:
        self.url = url
        # A proxy from the environment has no business on loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, what: str, **query: object) -> Untyped:
        """Read something; JSON values.

        Raises:
            OSError: when the gateway does not answer, or refuses.
        """
        shown = urllib.parse.urlencode(query)
        with self._opener.open(f"{self.url}{PATH}{what}?{shown}", timeout=30) as answer:
            return json.load(answer)

    def post(self, what: str, data: object) -> Untyped:
        """Ask for something; JSON values.

        Raises:
            OSError: when the gateway does not answer, or refuses.
        """
        request = urllib.request.Request(  # noqa: S310 - the lab's own address, on loopback
            f"{self.url}{PATH}{what}", data=json.dumps(data).encode(), method="POST"
        )
        with self._opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def calls(self, since: int = 0) -> list[WireCall]:
        """The calls from the `since`-th on, in the order they were answered."""
        return [WireCall.from_json(entry) for entry in self.get("calls", since=since)]

    def disturb(self, disturbance: Disturbance) -> None:
        """Put a disturbance in force."""
        self.post("disturb", disturbance.as_json())

    def calm(self) -> None:
        """End all disturbances."""
        self.post("calm", {})
