"""What the last sweep knew: one object with a word for every subject that is well.

It is a hint, as the open index is; records are the truth. What it spares is reading a record for
each healthy subject, and what it brings is the memory of subjects that AWS shows no more. One
GetObject a sweep, and one PutObject where something changed.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, code_of, failed, status_of
from fleetmend.core.ports import LedgerUnavailable

_log = logging.getLogger(__name__)


class S3Roster:
    """The roster of one concern; it serves one run.

    `known` lists the subjects that have a record: where there is no roster that can be read, all
    of them count as known, and are looked at once.
    """

    def __init__(
        self,
        client: Client,
        bucket: str,
        key: str,
        known: Callable[[], list[str]],
        *,
        keeps: bool = True,
    ) -> None:
        """Nothing is called yet; with `keeps` false it is read and never written."""
        self._client, self._bucket, self._key = client, bucket, key
        self._known, self._keeps = known, keeps
        self._etag = ""
        self._stands: Mapping[str, str] | None = None

    def read(self) -> dict[str, str]:
        """Subject → the word that stood for it, empty where it was not known to be well.

        Raises:
            LedgerUnavailable: the store did not answer, or refused.
        """
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
            with closing(answer["Body"]) as stream:
                body = cast("bytes", stream.read())
        except SdkError as error:
            if code_of(error) != "NoSuchKey":
                raise self._unavailable("reading", error) from error
            return dict.fromkeys(self._known(), "")
        self._etag = str(answer.get("ETag") or "")
        self._stands = _parsed(body)
        if self._stands is None:
            _log.warning("%s is no roster: all that is recorded is looked at", self._key)
            return dict.fromkeys(self._known(), "")
        return dict(self._stands)

    def write(self, words: Mapping[str, str]) -> None:
        """Put it in place of what was read, unless nothing changed or another run was first.

        Raises:
            LedgerUnavailable: the store did not answer, or refused.
        """
        if not self._keeps or words == self._stands:
            return
        condition = {"IfMatch": self._etag} if self._etag else {"IfNoneMatch": "*"}
        body = json.dumps(words, indent=0, sort_keys=True).encode()
        try:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=self._key,
                Body=body,
                ContentType="application/json",
                **condition,
            )
        except SdkError as error:
            if status_of(error) in {404, 409, 412}:
                return  # another sweep keeps it now, and looks at what this one would have added
            raise self._unavailable("writing", error) from error
        self._etag, self._stands = str(answer.get("ETag") or ""), dict(words)

    def _unavailable(self, doing: str, error: Exception) -> LedgerUnavailable:
        return failed(LedgerUnavailable, f"{doing} {self._key} in the bucket {self._bucket}", error)


def _parsed(body: bytes) -> dict[str, str] | None:
    try:
        loaded: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(loaded, dict):
        return None
    given = cast("Mapping[Any, Any]", loaded)
    return {str(key): str(word) for key, word in given.items()}
