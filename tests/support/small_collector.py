"""A collector of a few lines on loopback, for tests that kill daemons by the dozen.

It keeps every event it took by its id, and each id's number of arrivals. `mood` may refuse,
hang up before or after it took a request, or find bodies too large.
"""

import gzip
import hashlib
import json
import random
import socket
import ssl
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class SmallCollector:
    """Use as a context; `url` is the endpoint."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.scheme = "https" if tls else "http"
        self.events: dict[str, dict[str, Any]] = {}
        self.arrivals: dict[str, int] = {}
        self.attachments: list[bytes] = []
        self.deletions: list[dict[str, Any]] = []
        self.events_max: int | None = None  # more in one body: 413
        self.flapping: random.Random | None = None
        self.busy = False
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            plain = self._server.socket
            self._server.socket = tls.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """The endpoint to configure."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def mood(self) -> str:
        """How this request goes."""
        dice = self.flapping
        if self.busy:
            return "503"
        return dice.choice(["takes", "503", "drops", "takes and drops"]) if dice else "takes"

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Stores a body's events; the answer."""
        try:
            events = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        except (OSError, EOFError, ValueError, zlib.error):
            return 400, {"error": "not gzip, or not JSON lines"}
        if self.events_max is not None and len(events) > self.events_max:
            return 413, {"error": "too large"}
        with self._lock:
            fresh = [one for one in events if one["event_id"] not in self.events]
            for one in events:
                self.events.setdefault(one["event_id"], one)
                self.arrivals[one["event_id"]] = self.arrivals.get(one["event_id"], 0) + 1
        duplicates = len(events) - len(fresh)
        return 200, {"accepted": len(fresh), "duplicates": duplicates, "rejected": []}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body go in two writes

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.endswith("/deletion"):
                    collector.deletions.append(json.loads(body))
                    self._answer(202, {"receipt": "r1"})
                    return
                mood = collector.mood()
                if mood == "takes" and "/attachments/" in self.path:
                    collector.attachments.append(body)
                    self._answer(201, {"digest": hashlib.sha256(body).hexdigest()})
                    return
                if mood == "drops":
                    self._hang_up()
                    return
                status, answer = (503, {}) if mood == "503" else collector.take(body)
                if mood == "takes and drops":
                    self._hang_up()
                else:
                    self._answer(status, answer)

            def do_GET(self) -> None:
                self._answer(200, {"state": "erased", "erased": {}})

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, ssl.SSLError):  # the daemon was killed, or distrusts us
                    self.close_connection = True

            def _hang_up(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def _answer(self, status: int, answer: dict[str, Any]) -> None:
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read better without it."""

        return Handler
