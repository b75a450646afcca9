"""What a run did, written where whoever asked for it looks: `runs/<concern>/<id>.json`."""

import json
import re
from collections.abc import Mapping

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, failed
from fleetmend.core.ports import PortError

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class S3Reports:
    """Reports of one concern in one bucket; a report is written once and read by polling."""

    def __init__(self, client: Client, bucket: str, concern: str) -> None:
        self._client = client
        self._bucket = bucket
        self._concern = concern

    def write(self, run: str, report: Mapping[str, object]) -> None:
        """Write the report of one run; a message that came twice overwrites its own.

        Raises:
            ValueError: `run` is no name that may stand in a key.
            PortError: S3 did not take it.
        """
        if not _RUN.fullmatch(run):
            raise ValueError(f"run: {run!r} is not made of letters, digits, dots and dashes")
        key = f"runs/{self._concern}/{run}.json"
        body = (json.dumps(report, indent=1, sort_keys=True) + "\n").encode()
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="application/json"
            )
        except SdkError as error:
            raise failed(PortError, f"writing {key} in {self._bucket}", error) from error
