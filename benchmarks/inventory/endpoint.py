"""A canned EC2: it answers every DescribeInstances with a page that was rendered beforehand.

It knows one filter, that of a lane (ids by their last digits), and only where there is a delay:
without one nobody scans in lanes, and the pages would be held for nothing.

`python -m benchmarks.inventory.endpoint COUNT DELAY [CORE]` prints its port and serves until
its standard input ends. It asks for no valid signature, which costs the caller all the same.
"""

import asyncio
import os
import re
import sys

from benchmarks.inventory.pages import render

LANES = 4
"""How many lanes are rendered, as `fleetmend.aws.lanes` splits them."""

_DIGITS = "0123456789abcdef"
_LANE = re.compile(rb"=%2A([0-9a-f])")
_TOKEN = re.compile(rb"NextToken=page-(\d+)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_TAGS = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeTagsResponse '
    b'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><tagSet/>'
    b"</DescribeTagsResponse>"
)
_ZONES = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeAvailabilityZonesResponse '
    b'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
    b"<availabilityZoneInfo/></DescribeAvailabilityZonesResponse>"
)


class Endpoint:
    """The pages, by the digits that ids end with; all of them under none."""

    def __init__(self, pages: dict[str, list[bytes]], delay: float) -> None:
        self._pages = pages
        self._delay = delay

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                await self._answer(writer, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        if b"Action=DescribeInstances" not in body:
            page = _ZONES if b"DescribeAvailabilityZones" in body else _TAGS
        else:
            token = _TOKEN.search(body)
            digits = b"".join(_LANE.findall(body)).decode()
            page = self._pages[digits][int(token[1]) if token else 0]
            if self._delay:
                await asyncio.sleep(self._delay)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=UTF-8\r\n"
            b"Content-Length: %d\r\n\r\n" % len(page)
        )
        writer.write(page)
        await writer.drain()


async def _main(count: int, delay: float) -> None:
    shares = ["", *(_DIGITS[n::LANES] for n in range(LANES) if delay)]
    endpoint = Endpoint({digits: list(render(count, digits)) for digits in shares}, delay)
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0, limit=1 << 16)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if len(sys.argv) > 3 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[3])})
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))
