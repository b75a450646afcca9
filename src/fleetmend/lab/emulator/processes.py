"""Starting and ending MiniStack's process, with nothing left behind."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final, Self

from fleetmend.core.ports import PortError

ACCOUNT: Final = "123456789012"
"""The account of the lab: both emulators take it from the access key, which must have 12 digits."""

HOST: Final = "127.0.0.1"
_STARTS_WITHIN = 60.0
_STOPS_WITHIN = 8.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV")


class EmulatorFailed(PortError):
    """The lab cannot do what was asked, and says why and what to do about it."""


def listen(port: int = 0) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one.

    Raises:
        EmulatorFailed: when the port is taken.
    """
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((HOST, port))
    except OSError as error:
        server.close()
        raise EmulatorFailed(
            f"port {port} on {HOST} cannot be opened: {error.strerror}",
            remedy="leave the port out to have a free one chosen, or end what listens there",
        ) from error
    server.listen(128)
    return server


class MinistackProcess:
    """MiniStack as a child process; use as a context manager.

    It lives in a session of its own, so that Ctrl-C reaches only its owner, and ends with the
    pipe to its standard input. All its temporary files are in `folder`.
    """

    def __init__(self, *, region: str, port: int = 0) -> None:
        self._region = region
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path()
        self.url = ""

    @property
    def pid(self) -> int:
        """The process id, or 0 when it does not run."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            EmulatorFailed: as `begin` and `wait` do.
        """
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start it; what else must be loaded can be loaded meanwhile.

        Raises:
            EmulatorFailed: when the port is taken.
        """
        with listen(self._port) as server:
            port = int(server.getsockname()[1])
            self.url = f"http://{HOST}:{port}"
            self.folder = Path(tempfile.mkdtemp(prefix="fleetmend-lab-"))
            try:
                self._spawn(server.fileno(), port)
            except BaseException:
                self.stop()
                raise

    def wait(self) -> None:
        """Wait until it answers; it is stopped if it does not.

        Raises:
            EmulatorFailed: with the end of its log.
        """
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def _spawn(self, descriptor: int, port: int) -> None:
        environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
        environment |= {
            "TMPDIR": str(self.folder),
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "GATEWAY_PORT": str(port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": self._region,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nowhere",  # never look for a Docker daemon
            "LAMBDA_EXECUTOR": "local",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with (self.folder / "ministack.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this program and one number
                [sys.executable, "-m", "fleetmend.lab.emulator.ministack_server", str(descriptor)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(descriptor,),
                start_new_session=True,
            )

    def _await_answer(self) -> None:
        until = time.monotonic() + _STARTS_WITHIN
        # A proxy from the environment has no business on loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                raise EmulatorFailed(
                    f"MiniStack ended while it started; its last words:\n{self.log()}",
                    remedy="install the lab's packages again: make setup",
                )
            with contextlib.suppress(urllib.error.URLError, OSError):
                opener.open(f"{self.url}/_lab/calls?since=0", timeout=5).close()
                return
            time.sleep(0.05)
        raise EmulatorFailed(
            f"MiniStack did not answer in {_STARTS_WITHIN:.0f} s; its last words:\n{self.log()}",
            remedy="look whether this machine is out of memory, then try again",
        )

    def log(self, lines: int = 15) -> str:
        """The last lines it wrote."""
        try:
            text = (self.folder / "ministack.log").read_text("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self) -> None:
        """End it and remove its folder; harmless when it is gone already."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                if process.stdin:
                    process.stdin.close()  # its signal to leave
            try:
                process.wait(_STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = Path()
