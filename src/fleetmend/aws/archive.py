"""The archive in S3: reports as objects of one bucket."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any, cast

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, code_of, failed, status_of
from fleetmend.core.ports import PortError

_KINDS = {"json": "application/json", "html": "text/html; charset=utf-8", "gz": "application/gzip"}


class S3Archive:
    """See `Archive` for the contract."""

    def __init__(self, client: Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes, *, once: bool = False) -> bool:
        """See `Archive`. One PutObject; `once` is S3's `If-None-Match`."""
        condition = {"IfNoneMatch": "*"} if once else {}
        kind = _KINDS.get(key.rpartition(".")[2], "application/octet-stream")
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=kind, **condition
            )
        except SdkError as error:
            if once and status_of(error) == 412:
                return False
            raise failed(PortError, f"writing {key} in the bucket {self._bucket}", error) from error
        return True

    def get(self, key: str) -> bytes | None:
        """See `Archive`. One GetObject."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            with closing(answer["Body"]) as stream:
                return cast("bytes", stream.read())
        except SdkError as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise failed(PortError, f"reading {key} in the bucket {self._bucket}", error) from error

    def list(self, prefix: str) -> list[str]:
        """See `Archive`. One ListObjectsV2 for a thousand keys."""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            found = [
                item["Key"]
                for page in cast("Iterable[Mapping[str, Any]]", pages)
                for item in cast("list[Mapping[str, str]]", page.get("Contents") or [])
            ]
        except SdkError as error:
            what = f"listing {prefix} in the bucket {self._bucket}"
            raise failed(PortError, what, error) from error
        return sorted(found)
