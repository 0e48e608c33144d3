"""Attachments in S3 or what speaks its language (MinIO, Ceph, R2), under the same digests.

A file is taken to the local disk first, because its name is its hash, and goes to the bucket in
parts; one that is there is whole, for S3 shows an object only when it is. Keys and region come
from the usual `AWS_*` variables. A bucket that does not answer is StoreBusyError: come again.
"""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from sidespool_collector.attachment import FileStore
from sidespool_collector.store.contract import StoreBusyError, StoreError

PART_BYTES = 5 * 1024 * 1024  # the least S3 allows
PARTS_AT_ONCE = 2
ANSWER_S = 20
RETRY_S = 15


class BucketFiles:
    """A bucket, with a directory for files that are still coming in."""

    def __init__(self, url: str, incoming: Path) -> None:
        self._url = url
        self._incoming = FileStore(incoming)
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        self._bucket = S3Store.from_url(
            url,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "timeout": timedelta(seconds=ANSWER_S),
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=RETRY_S)},
        )

    def prepare(self) -> None:
        """Asks the bucket for something that is not there; raises StoreError."""
        self._incoming.prepare()
        try:
            self._bucket.get("0" * 64)
        except (BaseError, OSError) as error:
            is_absent = isinstance(error, NotFoundError | FileNotFoundError)
            if is_absent and "NoSuchBucket" not in str(error):
                return
            raise StoreError(
                f"COLLECTOR_ATTACHMENTS_URL: {self._url} cannot be used: {_first_line(error)}"
            ) from None

    def exists(self, digest: str) -> bool:
        """Whether the file is whole and here; raises StoreBusyError."""
        try:
            self._bucket.head(_key(digest))
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise _away(error) from error
        return True

    def unlink(self, digest: str) -> None:
        """Removes a file; one that is already gone is no error. Raises StoreBusyError."""
        try:
            with suppress(NotFoundError, FileNotFoundError):
                self._bucket.delete(_key(digest))
        except (BaseError, OSError) as error:
            raise _away(error) from error

    async def take(self, chunks: AsyncIterator[bytes], max_bytes: int) -> tuple[str, int]:
        """See FileStore.take; raises StoreBusyError where the bucket does not answer."""
        digest, size = await self._incoming.take(chunks, max_bytes)
        try:
            await self._bucket.put_async(
                _key(digest), self._incoming.path(digest),
                chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE,
            )  # fmt: skip
        except (BaseError, OSError) as error:
            raise _away(error) from error
        finally:
            self._incoming.unlink(digest)
        return digest, size


def _key(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _away(error: Exception) -> StoreBusyError:
    return StoreBusyError(f"the attachments' bucket does not answer: {_first_line(error)}", 30)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
