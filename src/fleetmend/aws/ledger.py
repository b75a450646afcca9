"""The ledger in S3: records replaced by compare-and-swap, and a hint index of the open ones.

The rules rest on the Amazon S3 User Guide, "How to prevent object overwrites with conditional
writes" and "How to perform conditional deletes": 412 when the condition does not hold, 409 when
another conditional request was under way, 404 when `If-Match` meets no object.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from botocore.exceptions import ClientError

from fleetmend.aws.clients import Client
from fleetmend.aws.errors import SdkError, code_of, failed, status_of
from fleetmend.aws.storeclock import StoreClock
from fleetmend.core.model import Record, Stored
from fleetmend.core.ports import LedgerUnavailable, Lost
from fleetmend.core.record_json import RecordUnreadable, decode, encode
from fleetmend.core.subjects import from_key, to_key

_log = logging.getLogger(__name__)

CONFLICTS = 5
"""How often a write that collided with another one (409) is sent again."""

_UNSEEN = timedelta(seconds=5)
"""Between a hint and its record: after longer than this a sweep may have looked at both."""

_READ_AT_MOST = 1024 * 1024
"""Bytes of one object that are read; what is longer is no record, and evidence enough."""


class S3Ledger:
    """The records of one concern in one bucket (see `Ledger` for the contract).

    A ledger serves one run, on any number of threads. It remembers the ETags of the hints it
    has listed or written: only a hint that is still the same is removed, so that an incident
    which opens again in that moment keeps its own. A hint it does not know is left to the next
    sweep, which lists them all.
    """

    def __init__(
        self,
        client: Client,
        bucket: str,
        concern: str,
        *,
        clock: Callable[[], datetime],
        nonce: Callable[[], str],
        prefix: str = "",
    ) -> None:
        """Nothing is called yet.

        Args:
            client: a boto3 S3 client.
            bucket: its name.
            concern: the records' concern, a part of every key.
            clock: the local time, in UTC.
            nonce: a word that was never used before, one for each write.
            prefix: "" for what is done, "would/" for what would be.
        """
        self._client = client
        self._bucket = bucket
        self._concern = concern
        self._nonce = nonce
        self._prefix = prefix
        self._time = StoreClock(clock)
        self._hints: dict[str, str] = {}

    def now(self) -> datetime:
        """See `Ledger`."""
        return self._time.now()

    def read(self, subject: str) -> Stored:
        """See `Ledger`. One GetObject."""
        key = self._key("records", subject)
        try:
            answer = self._call(self._client.get_object, Key=key)
            body = self._body(answer)
        except SdkError as error:
            if code_of(error) == "NoSuchKey":
                return Stored(subject, None, "", self.now())
            raise self._unavailable(f"reading {key}", error) from error
        record, unreadable = self._record(subject, body)
        return Stored(subject, record, _etag(answer), self.now(), unreadable)

    def write(self, record: Record, over: Stored) -> Stored:
        """See `Ledger`. The hint stands before the record that opens; it goes after the close."""
        stamped = replace(
            record,
            revision=max(record.revision, over.record.revision if over.record else 0) + 1,
            nonce=self._nonce(),
            written_at=self.now(),
        )
        opens = stamped.is_open and not (over.record and over.record.is_open)
        if opens:
            self._hint(stamped)
        etag = self._put(stamped, over.etag)
        if opens and self.now() - (stamped.written_at or self.now()) > _UNSEEN:
            self._hint_again(stamped)
        if not stamped.is_open:
            self._forget_if_possible(stamped.subject)
        return Stored(stamped.subject, stamped, etag, self.now())

    def open(self) -> list[str]:
        """See `Ledger`. One ListObjectsV2 for a thousand hints."""
        hints = self._listed("open")
        self._hints.update(hints)
        return list(hints)

    def subjects(self) -> list[str]:
        """Every subject that has a record, open or not. One ListObjectsV2 for a thousand."""
        return list(self._listed("records"))

    def _listed(self, kind: str) -> dict[str, str]:
        """Subjects under one folder with their ETags; what is no subject's is left out."""
        start, token = self._folder(kind), dict[str, str]()
        found: dict[str, str] = {}
        while True:
            try:
                page = self._call(self._client.list_objects_v2, Prefix=start, **token)
            except SdkError as error:
                raise self._unavailable(f"listing {start}", error) from error
            for item in cast("list[Mapping[str, Any]]", page.get("Contents") or []):
                subject = from_key(
                    str(item.get("Key", "")).removeprefix(start).removesuffix(".json")
                )
                if subject is not None:
                    found[subject] = _etag(item)
            if not page.get("NextContinuationToken"):
                return found
            token = {"ContinuationToken": str(page["NextContinuationToken"])}

    def forget(self, subject: str) -> None:
        """See `Ledger`. A hint that is not known, or was written anew since, stays."""
        etag = self._hints.pop(subject, "")
        if not etag:
            return
        key = self._key("open", subject)
        try:
            self._call(self._client.delete_object, Key=key, IfMatch=etag)
        except SdkError as error:
            if status_of(error) not in {404, 409, 412}:
                raise self._unavailable(f"removing {key}", error) from error

    def _hint_again(self, record: Record) -> None:
        """A sweep may have met the hint before its record was there, and taken it away."""
        try:
            self._hint(record)
        except LedgerUnavailable as error:
            _log.warning("a hint may be missing: %s", error)

    def _forget_if_possible(self, subject: str) -> None:
        """The record stands: a hint that could not be removed must not look like a lost write."""
        try:
            self.forget(subject)
        except LedgerUnavailable as error:
            _log.warning("a stale hint is left to the next sweep: %s", error)

    def set_aside(self, stored: Stored) -> str:
        """See `Ledger`. The same bytes have one copy, however often they are met."""
        key = self._key("records", stored.subject)
        version = stored.etag.strip('"')
        aside = f"{self._key('aside', stored.subject)}/{version}"
        try:
            body = self._body(self._call(self._client.get_object, Key=key, IfMatch=stored.etag))
            self._call(self._client.put_object, Key=aside, Body=body, IfNoneMatch="*")
        except SdkError as error:
            if code_of(error) == "NoSuchKey":
                raise Lost(f"{key} has gone meanwhile") from error
            if status_of(error) not in {409, 412}:
                raise self._unavailable(f"copying {key} to {aside}", error) from error
        return f"s3://{self._bucket}/{aside}"

    def _put(self, record: Record, etag: str) -> str:
        """The ETag of the record that now stands there."""
        key = self._key("records", record.subject)
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        body = encode(record)
        for _ in range(CONFLICTS):
            try:
                answer = self._call(
                    self._client.put_object,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    **condition,
                )
            except SdkError as error:
                if status_of(error) == 412:
                    return self._etag_if_own(record)
                if code_of(error) == "NoSuchKey":
                    raise Lost(f"{key} has gone meanwhile") from error
                if status_of(error) != 409:
                    raise self._unavailable(f"writing {key}", error) from error
            else:
                return _etag(answer)
        raise Lost(f"{key} is being written by others: {CONFLICTS} conflicts")

    def _etag_if_own(self, record: Record) -> str:
        """After a 412: our write may have won, and the SDK's retry have met its success."""
        there = self.read(record.subject)
        if there.record and there.record.nonce == record.nonce:
            return there.etag
        raise Lost(f"another writer was first with the record of {record.subject}")

    def _hint(self, record: Record) -> None:
        """Its bytes are new each time, so that its ETag tells one incident from the next."""
        key = self._key("open", record.subject)
        try:
            answer = self._call(self._client.put_object, Key=key, Body=record.nonce.encode())
        except SdkError as error:
            raise self._unavailable(f"writing {key}", error) from error
        self._hints[record.subject] = _etag(answer)

    def _call(self, operation: Callable[..., Any], **parameters: object) -> Mapping[str, Any]:
        sent = self._time.local()
        try:
            answer = cast("Mapping[str, Any]", operation(Bucket=self._bucket, **parameters))
        except ClientError as error:
            self._learn_time(sent, cast("Mapping[str, Any]", error.response))
            raise
        self._learn_time(sent, answer)
        return answer

    def _learn_time(self, sent: datetime, answer: Mapping[str, Any]) -> None:
        metadata = cast("Mapping[str, Any]", answer.get("ResponseMetadata") or {})
        headers = cast("Mapping[str, str]", metadata.get("HTTPHeaders") or {})
        self._time.heard(sent, self._time.local(), headers.get("date"))

    def _body(self, answer: Mapping[str, Any]) -> bytes:
        """The bytes; botocore compares length and checksum only when the end was read."""
        with closing(answer["Body"]) as stream:
            body = cast("bytes", stream.read(_READ_AT_MOST))
            if len(body) < _READ_AT_MOST:
                stream.read(1)
            return body

    def _record(self, subject: str, body: bytes) -> tuple[Record | None, str]:
        """The record, or why there is none in these bytes."""
        try:
            record = decode(body)
        except RecordUnreadable as error:
            return None, str(error)
        if (record.concern, record.subject) != (self._concern, subject):
            return None, f"it is the record of {record.subject} under {record.concern}"
        return record, ""

    def _folder(self, kind: str) -> str:
        return f"{self._prefix}{kind}/{self._concern}/"

    def _key(self, kind: str, subject: str) -> str:
        return self._folder(kind) + to_key(subject) + (".json" if kind == "records" else "")

    def _unavailable(self, doing: str, error: Exception) -> LedgerUnavailable:
        unavailable = failed(LedgerUnavailable, f"{doing} in the bucket {self._bucket}", error)
        if status_of(error) == 403:
            unavailable.remedy = (
                "let the role do this, and s3:ListBucket on the bucket: without it S3 answers "
                "403 for a record that does not exist"
            )
        return unavailable


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ETag") or "")
