"""A collector on loopback for tests: a real HTTP server with a deduping store in memory.

    async with FakeCollector() as c:
        c.script([status(500), retry_after(429, 2), DROP])   # then it behaves
        ...
        await c.until(lambda: len(c.events) == 10)

It takes what the contract says (gzip or plain NDJSON, JSON arrays), answers with counts that add
up, and follows its script, one step a request, before it behaves again.
"""

import asyncio
import gzip
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

PORTAL_PAGE = b"<html><title>Welcome</title>Please sign in to use this network</html>"


@dataclass
class Received:
    """One request as it came in; `body` as it lay on the wire."""

    path: str
    headers: dict[str, str]
    body: bytes
    step: str = "takes"

    @property
    def batch_id(self) -> str:
        """The Idempotency-Key."""
        return self.headers.get("Idempotency-Key", "")


@dataclass
class Step:
    """What to do with one request: `act` answers it, or breaks the connection."""

    name: str
    act: Callable[["FakeCollector", web.Request, Received], Awaitable[web.StreamResponse]]


@dataclass
class FakeCollector:
    """See the module's text. `token` None takes any; `tls` makes it https."""

    token: str | None = None
    tls: ssl.SSLContext | None = None
    prefix: str = ""
    host: str = "127.0.0.1"
    refuse_events: dict[str, str] = field(default_factory=dict)  # event_id → reason
    bytes_max: int | None = None
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[Received] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    duplicates: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._steps: list[Step] = []
        self._always: Step | None = None
        self._changed = asyncio.Event()
        self._hanging = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # --- life

    async def __aenter__(self) -> "FakeCollector":
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._receive)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, auto_decompress=False
        )
        await self._runner.setup()
        await self.listen()
        return self

    async def listen(self) -> None:
        """Opens the port, the same again after `close_port`."""
        assert self._runner is not None
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self.tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # asyncio's

    async def close_port(self) -> None:
        """Refuses connections from now on; those that are open live on."""
        assert self._runner is not None
        for site in list(self._runner.sites):
            await site.stop()

    async def __aexit__(self, *_: object) -> None:
        self._hanging.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The endpoint to configure."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{self.prefix}"

    # --- what a test says and asks

    def script(self, steps: Iterable["Step | int"]) -> None:
        """Steps for the next requests, in order; a bare number is a status without a body."""
        self._steps.extend(_step(one) for one in steps)

    def always(self, step: "Step | int | None") -> None:
        """A step for every request once the script has run out; None behaves again."""
        self._always = None if step is None else _step(step)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Returns once the condition holds; looked at after each request."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    # --- the server

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        step = self._steps.pop(0) if self._steps else self._always
        if step is not None and step.name.startswith("early"):
            received = Received(request.path, dict(request.headers), b"", step.name)
        else:
            raw = b"".join([piece async for piece in request._payload.iter_any()])
            received = Received(request.path, dict(request.headers), raw)
        self.requests.append(received)
        self._changed.set()
        try:
            if step is not None:
                received.step = step.name
                return await step.act(self, request, received)
            return self._take(received)
        finally:
            self._changed.set()

    def _take(self, received: Received) -> web.Response:
        if received.path != f"{self.prefix}/api/v1/events":
            return web.json_response({"error": "not found"}, status=404)
        if self.token and received.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "bad token"}, status=401)
        if self.bytes_max is not None and len(received.body) > self.bytes_max:
            return web.json_response({"error": "too large"}, status=413)
        self.batches.append(received)
        return web.json_response(self.store(received))

    def store(self, received: Received) -> dict[str, Any]:
        """Takes the events in and gives the collector's answer."""
        accepted = duplicates = 0
        rejected = []
        for event in read_events(received):
            event_id = event["event_id"]
            if event_id in self.refuse_events:
                rejected.append({"event_id": event_id, "reason": self.refuse_events[event_id]})
            elif event_id in self.events:
                duplicates += 1
            else:
                self.events[event_id] = event
                accepted += 1
        self.duplicates += duplicates
        return {"accepted": accepted, "duplicates": duplicates, "rejected": rejected}


def read_events(received: Received) -> list[dict[str, Any]]:
    """The events of a request's body."""
    packed = received.headers.get("Content-Encoding") == "gzip"
    body = gzip.decompress(received.body) if packed else received.body
    if body.lstrip().startswith(b"["):
        return msgspec.json.decode(body, type=list[dict[str, Any]])
    return [msgspec.json.decode(line) for line in body.splitlines() if line]


def _step(one: "Step | int") -> Step:
    return status(one) if isinstance(one, int) else one


# --- steps


def status(
    code: int, body: bytes = b"", headers: dict[str, str] | None = None, *, early: bool = False
) -> Step:
    """Answers so; `early` before the body has been read."""

    async def act(c: FakeCollector, request: web.Request, received: Received) -> web.Response:
        answer = web.Response(status=code, body=body, headers=headers or {})
        if early:
            answer.force_close()
        return answer

    return Step(f"{'early ' if early else ''}{code}", act)


def retry_after(code: int, value: int | str, date: str | None = None) -> Step:
    """429 or 503 with Retry-After (seconds or a date), and perhaps another clock's Date."""
    headers = {"Retry-After": str(value)}
    return status(code, headers=headers | ({"Date": date} if date else {}))


def redirect(code: int, location: str) -> Step:
    """A redirect."""
    return status(code, headers={"Location": location})


def portal(code: int = 200) -> Step:
    """A captive portal's page."""
    return status(code, PORTAL_PAGE, {"Content-Type": "text/html"})


async def _hang(c: FakeCollector, request: web.Request, received: Received) -> web.Response:
    await c._hanging.wait()
    return web.Response(status=503)


async def _drop(c: FakeCollector, request: web.Request, received: Received) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=503)


async def _take_then_drop(
    c: FakeCollector, request: web.Request, received: Received
) -> web.Response:
    c.batches.append(received)
    c.store(received)
    return await _drop(c, request, received)


HANG = Step("hang", _hang)  # takes the request and says nothing
DROP = Step("drop", _drop)  # resets the connection
EARLY_DROP = Step("early drop", _drop)  # resets it before the body has been read
TAKE_THEN_DROP = Step("take then drop", _take_then_drop)  # the answer is lost


def drip(body: bytes, every_s: float) -> Step:
    """A 200 whose body comes a byte at a time."""

    async def act(c: FakeCollector, request: web.Request, received: Received) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await answer.prepare(request)
        for index in range(len(body)):
            await answer.write(body[index : index + 1])
            try:
                async with asyncio.timeout(every_s):
                    await c._hanging.wait()
            except TimeoutError:
                continue
        return answer

    return Step("drip", act)


def half_answer(body: bytes, promised: int, code: int = 200) -> Step:
    """A head that promises more than comes before the connection is cut."""

    async def act(c: FakeCollector, request: web.Request, received: Received) -> web.StreamResponse:
        answer = web.StreamResponse(status=code, headers={"Content-Length": str(promised)})
        await answer.prepare(request)
        await answer.write(body)
        assert request.transport is not None
        request.transport.close()
        return answer

    return Step("half answer", act)
