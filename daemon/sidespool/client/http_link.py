"""Carries lines of events to the daemon over HTTP, where there is no Unix socket (Windows)."""

import http.client

from sidespool.client.discovery import Door
from sidespool.client.link import (
    ANSWER_BYTES_MAX,
    CONNECT_S,
    STALL_S,
    Answer,
    LinkLost,
    break_off,
    decode_answer,
)


class HttpLink:
    """`POST /v1/events` with one event a line, one request at a time."""

    def __init__(self, door: Door, client: str, session_id: str | None) -> None:
        self.level: str | None = None
        self._answers: list[Answer] = []
        self._connection = http.client.HTTPConnection(door.host, door.port, timeout=CONNECT_S)
        host = f"[{door.host}]" if ":" in door.host else door.host
        self._headers = {
            "Host": f"{host}:{door.port}",
            "Authorization": f"Bearer {door.token}",
            "Content-Type": "application/x-ndjson",
            "User-Agent": f"sidespool-{client}",
        }
        try:
            self._connection.connect()
        except OSError as error:
            raise LinkLost(f"no daemon at {door.url}: {error}", blames_frame=False) from error
        self._connection.sock.settimeout(STALL_S)

    def send(self, frame_id: int, lines: list[bytes]) -> None:
        """One request; its answer is given out by `receive`."""
        try:
            self._connection.request(
                "POST", "/v1/events", body=b"\n".join(lines) + b"\n", headers=self._headers
            )
            response = self._connection.getresponse()
            body = response.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            raise LinkLost(f"the request failed: {error}") from error
        answer = decode_answer(body) if response.status in (200, 202) else None
        if answer is None:
            # 400, 413, 415: about what was sent; 401, 429, 503 and the like are about when
            raise LinkLost(
                f"the daemon answered {response.status}",
                blames_frame=response.status in (400, 413, 415, 422),
            )
        answer.op, answer.id = "ack", frame_id
        self._answers.append(answer)

    def receive(self, timeout_s: float) -> list[Answer]:
        """The answers of requests made; there is nothing to wait for."""
        answers, self._answers = self._answers, []
        return answers

    def interrupt(self) -> None:
        """Breaks the connection under whoever reads or writes."""
        if (connection := self._connection.sock) is not None:
            break_off(connection)

    def close(self, *, goodbye: bool) -> None:
        """Closes the connection."""
        self._connection.close()
