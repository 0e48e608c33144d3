"""Posts files to a collector: one request, bounded in time and size, and its raw answer.

Redirects are followed within the origin only. What an answer means is `wire.upload.classify`'s.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from sidespool import __version__
from sidespool.core.endpoint import Endpoint, redirect_target
from sidespool.core.upload_policy import REDIRECTS_MAX
from sidespool.errors import ConfigError
from sidespool.runtime.detached import detached
from sidespool.runtime.exporters.http_request import Deadlines, Outgoing, RawAnswer, Request
from sidespool.runtime.part_import import import_over_whole
from sidespool.runtime.proxy import find_proxy
from sidespool.runtime.tls import open_tls
from sidespool.wire.upload import Backoff, BackoffCause, Captive

if TYPE_CHECKING:
    from sidespool.runtime.exporters.http_session import HttpSession

USER_AGENT = f"sidespool/{__version__}"


class HttpClient:
    """Requests to one endpoint, one at a time."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._proxy_setting = proxy
        self._ca_file = ca_file
        self._deadlines = deadlines or Deadlines()
        self._session: HttpSession | None = None
        self._proxy: str | None = None

    async def post(
        self,
        path: str,
        headers: Mapping[str, str],
        body: Path | Callable[[], BinaryIO],
        answer_bytes_max: int,
    ) -> RawAnswer | Backoff | Captive:
        """Posts a file's bytes as they lie, or as an opener gives them, to an API path.

        Raises OSError where the file cannot be read. After any failure the connection, the
        proxy and the CA file are looked at anew, so that a mended setting is seen.
        """
        file = await asyncio.to_thread(_open_body, body)
        try:
            size = file.seek(0, os.SEEK_END)
            return await self._ask(path, headers, Outgoing(file, size), answer_bytes_max)
        finally:
            file.close()

    async def get(
        self, path: str, headers: Mapping[str, str], answer_bytes_max: int
    ) -> RawAnswer | Backoff | Captive:
        """Asks an API path."""
        return await self._ask(path, headers, None, answer_bytes_max)

    async def _ask(
        self, path: str, headers: Mapping[str, str], outgoing: Outgoing | None, limit: int
    ) -> RawAnswer | Backoff | Captive:
        request = Request(
            url=self.endpoint.url(path),
            headers=headers,
            outgoing=outgoing,
            answer_bytes_max=limit,
            proxy=None,
            deadlines=self._deadlines,
        )
        try:
            answer = await self._follow(request)
        except ConfigError as error:
            answer = Backoff(str(error), BackoffCause.SETTING)
        if not isinstance(answer, RawAnswer):
            await self.aclose()
        return answer

    async def _follow(self, request: Request) -> RawAnswer | Backoff | Captive:
        session = await self._open()
        request.proxy = self._proxy
        for _ in range(REDIRECTS_MAX):
            answer = await session.post(request)
            if not isinstance(answer, RawAnswer):
                return answer
            location = answer.headers.get("Location", "")
            target = redirect_target(request.url, answer.status, location)
            if target is None:
                return answer
            request = msgspec.structs.replace(request, url=target)
        return await session.post(request)

    async def _open(self) -> "HttpSession":
        if self._session is None:
            module, context, self._proxy = await detached(self._prepare)
            self._session = module.HttpSession(context, USER_AGENT)
        return self._session

    def _prepare(self) -> tuple[ModuleType, ssl.SSLContext | None, str | None]:
        """What takes time, off the loop: aiohttp's import, the authorities, the OS's proxy."""
        # The doors may have loaded half of aiohttp, or be about to.
        module = import_over_whole("sidespool.runtime.exporters.http_session", "aiohttp")
        proxy = find_proxy(self.endpoint, self._proxy_setting)
        encrypted = self.endpoint.scheme == "https" or (proxy or "").startswith("https:")
        return module, open_tls(self._ca_file) if encrypted else None, proxy

    def abort(self) -> None:
        """Resets the connection in use, if any."""
        if self._session is not None:
            self._session.abort()

    async def aclose(self) -> None:
        """Closes the session; the next request opens another."""
        session, self._session = self._session, None
        if session is not None:
            await session.aclose()


def _open_body(body: Path | Callable[[], BinaryIO]) -> BinaryIO:
    return body.open("rb") if isinstance(body, Path) else body()
