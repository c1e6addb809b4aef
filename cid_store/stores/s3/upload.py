"""Uploading an object in parts, going on where a killed process stopped.

What was finished is asked of the bucket, so that another process or machine can go on too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any, Final

from cid_store.stores.s3.bucket import Bucket, ObjectMissing

PART: Final = 8 << 20
"""Bytes of a part: the unit of what is lost by a kill. S3 takes no parts under 5 MiB but the last."""


def upload(bucket: Bucket, pool: Executor, key: str, data: memoryview) -> None:
    """Keep `data` as an object; parts already in the bucket are not sent again. Raises `StoreError`."""
    if len(data) <= PART:
        bucket.put(key, data)
    elif bucket.size(key) != len(data):
        try:
            _in_parts(bucket, pool, key, data)
        except ObjectMissing:
            # Somebody finished or aborted the same upload meanwhile.
            if bucket.size(key) != len(data):
                _in_parts(bucket, pool, key, data)


def _in_parts(bucket: Bucket, pool: Executor, key: str, data: memoryview) -> None:
    upload_id = _begun(bucket, key)
    done: dict[int, str] = {}
    if upload_id is None:
        upload_id = bucket.call("create_multipart_upload", key)["UploadId"]
    else:
        done = dict(_finished(bucket, key, upload_id, data))

    def send(number: int) -> tuple[int, str]:
        part = bytes(_part(data, number))
        answer = bucket.call("upload_part", key, UploadId=upload_id, PartNumber=number, Body=part)
        return number, answer["ETag"]

    missing = [n for n in range(1, -(-len(data) // PART) + 1) if n not in done]
    done.update(pool.map(send, missing))
    parts = [{"PartNumber": number, "ETag": done[number]} for number in sorted(done)]
    bucket.call("complete_multipart_upload", key, UploadId=upload_id, MultipartUpload={"Parts": parts})


def _begun(bucket: Bucket, key: str) -> str | None:
    """The upload of this very object that began last."""
    full = bucket.location.prefix + key
    answer = bucket.call("list_multipart_uploads", None, Prefix=full)
    begun: list[dict[str, Any]] = [u for u in answer.get("Uploads", ()) if u["Key"] == full]
    latest = max(begun, key=lambda u: u["Initiated"], default=None)
    return None if latest is None else str(latest["UploadId"])


def _finished(bucket: Bucket, key: str, upload_id: str, data: memoryview) -> Iterator[tuple[int, str]]:
    """The parts that are in the bucket and are what we would send."""
    for part in bucket.call("list_parts", key, UploadId=upload_id).get("Parts", ()):
        content = _part(data, part["PartNumber"])
        # An ETag that is no MD5, as with some encryption, only means that the part is sent again.
        if part["Size"] == len(content) and part["ETag"].strip('"') == _md5(content):
            yield part["PartNumber"], part["ETag"]


def _part(data: memoryview, number: int) -> memoryview:
    return data[(number - 1) * PART : number * PART]


def _md5(data: memoryview) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
