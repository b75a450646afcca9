"""S3 as the ledger meets it: conditional writes, versions, times of one second.

Rules are those of the Amazon S3 User Guide, "Conditional writes": `If-None-Match: *` and
`If-Match` are judged against the object as it stands; 412 when the condition does not hold, 404
for `If-Match` on a key that is not there. ETags of small unencrypted-by-customer objects are the
MD5 of their bytes, so identical bytes give an identical ETag; the model keeps that on purpose.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

from fleetmend.lab.sim.engine import Engine
from fleetmend.lab.sim.replies import AwsError, Raw

GUARDED = "records/"
"""Where the bucket policy denies unconditional writes and every deletion."""


@dataclass(frozen=True)
class Version:
    """One version of an object. `at` in seconds from the start."""

    body: bytes
    etag: str
    at: float
    id: str


@dataclass
class S3:
    """One bucket."""

    engine: Engine
    epoch: datetime
    bucket: str
    objects: dict[str, Version] = field(default_factory=dict[str, Version])
    versions: dict[str, list[Version]] = field(default_factory=dict[str, list[Version]])

    def handle(self, operation: str, params: Mapping[str, Any]) -> Raw:
        """Answer one call.

        Raises:
            AwsError: as S3 would refuse it; nothing was done then.
        """
        if params.get("Bucket") != self.bucket:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist")
        match operation:
            case "GetObject" | "HeadObject":
                return self._get(params)
            case "PutObject":
                return self._put(params)
            case "DeleteObject":
                return self._delete(params)
            case "ListObjectsV2":
                return self._list(params)
            case _:
                raise NotImplementedError(f"s3:{operation} is not simulated")

    def replace(self, key: str, body: bytes) -> Version:
        """Put bytes there from outside, past every policy."""
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        kept = self.versions.setdefault(key, [])
        version = Version(body, etag, self.engine.now, f"v{len(kept) + 1}")
        kept.append(version)
        self.objects[key] = version
        return version

    def _date(self, moment: float) -> str:
        when = (self.epoch + timedelta(seconds=moment)).replace(microsecond=0)
        return format_datetime(when, usegmt=True)

    def _headers(self, **more: str) -> dict[str, str]:
        headers = {"Date": self._date(self.engine.now), "x-amz-request-id": "SIM"}
        return headers | {name.replace("_", "-"): value for name, value in more.items()}

    def _get(self, params: Mapping[str, Any]) -> Raw:
        version = self._matching(str(params["Key"]), params.get("IfMatch"))
        if version is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.")
        headers = self._headers(
            ETag=version.etag,
            Last_Modified=self._date(version.at),
            x_amz_version_id=version.id,
            Content_Length=str(len(version.body)),
            Content_Type="application/json",
        )
        return Raw(200, headers, version.body)

    def _put(self, params: Mapping[str, Any]) -> Raw:
        key, match, none_match = (
            str(params["Key"]),
            params.get("IfMatch"),
            params.get("IfNoneMatch"),
        )
        if key.startswith(GUARDED) and match is None and none_match is None:
            raise AwsError("AccessDenied", "explicit deny: a write without a condition")
        if none_match is not None and none_match != "*":
            raise AwsError("NotImplemented", "If-None-Match takes only *", 501)
        if none_match == "*" and key in self.objects:
            raise AwsError("PreconditionFailed", "At least one of the pre-conditions did not hold")
        self._matching(key, match)
        body = params.get("Body", b"")
        version = self.replace(key, body.encode() if isinstance(body, str) else bytes(body))
        return Raw(200, self._headers(ETag=version.etag, x_amz_version_id=version.id))

    def _delete(self, params: Mapping[str, Any]) -> Raw:
        key = str(params["Key"])
        if key.startswith(GUARDED):
            raise AwsError("AccessDenied", "explicit deny: records are not deleted")
        self._matching(key, params.get("IfMatch"))
        self.objects.pop(key, None)
        return Raw(204, self._headers())

    def _matching(self, key: str, match: str | None) -> Version | None:
        """What stands at a key, if it is what `If-Match` names; no condition takes anything."""
        present = self.objects.get(key)
        if match is None:
            return present
        if present is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.")
        if match.strip('"') != present.etag.strip('"'):
            raise AwsError("PreconditionFailed", "At least one of the pre-conditions did not hold")
        return present

    def _list(self, params: Mapping[str, Any]) -> Raw:
        prefix = str(params.get("Prefix", ""))
        after = str(params.get("ContinuationToken") or params.get("StartAfter") or "")
        most = int(params.get("MaxKeys", 1000))
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        page, more = keys[:most], len(keys) > most
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><ETag>{escape(self.objects[key].etag)}</ETag>"
            f"<Size>{len(self.objects[key].body)}</Size></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            f"<ListBucketResult><Name>{self.bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(page)}</KeyCount><MaxKeys>{most}</MaxKeys>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        )
        return Raw(200, self._headers(Content_Type="application/xml"), body.encode())
