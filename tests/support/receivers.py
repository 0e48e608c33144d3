"""Real places where notices arrive: an HTTP server and an SMTP server on loopback."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Hook:
    """Keeps what is posted; `statuses` are the next answers, then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self._came = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        """One post."""
        body = await request.read()
        async with self._came:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            self._came.notify_all()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def count(self, n: int) -> None:
        """Waits until so many have come."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.bodies) >= n)


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    """A receiver of webhooks."""
    found = Hook()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()


class Mailbox:
    """Takes mail over SMTP."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.is_secure: list[bool] = []

    async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:
        """aiosmtpd calls this for each mail."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.is_secure.append(session.ssl is not None)
        return "250 taken"

    def check(self, *args: Any) -> AuthResult:
        """Any login is right; it is kept."""
        given = args[-1]
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=True)


class _AnyPort(Controller):
    """aiosmtpd's controller where the system chooses the port."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mailbox(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """An SMTP server; with `tls` it demands STARTTLS and a login."""
    found = Mailbox()
    more: dict[str, Any] = {}
    if tls is not None:
        more = {
            "tls_context": tls, "require_starttls": True, "auth_required": True,
            "authenticator": found.check,
        }  # fmt: skip
    server = _AnyPort(found, hostname="127.0.0.1", port=0, **more)
    server.start()
    found.port = server.port
    try:
        yield found
    finally:
        server.stop()
