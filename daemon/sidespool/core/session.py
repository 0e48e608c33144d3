"""Notices sessions that began and never said how they ended, and says it for them.

| what happened | `SessionEnd.reason` | and |
|---|---|---|
| the app said SessionEnd, or ended the daemon by `shutdown` | the app's | |
| standard input ended while a session was open | `crashed` | a `Crash` of process `main` |
| the daemon starts and finds a session of a run before | `lost` (both went: power, kill) | |

The ids of the events that may have to be said are made when the session begins and kept with it,
so that saying them twice is saying them once.
"""

from typing import Any

import msgspec


class OpenSession(msgspec.Struct):
    """What is written to `session.json`; times are Unix milliseconds."""

    session_id: str
    started_ms: int
    end_event_id: str
    crash_event_id: str


def crashed_events(session: OpenSession, now_ms: int) -> list[dict[str, Any]]:
    """What a vanished app would have said."""
    return [
        {
            "event_type": "Crash",
            "event_id": session.crash_event_id,
            "session_id": session.session_id,
            "payload": {"process": "main", "reason": "vanished"},
        },
        _end(session, "crashed", now_ms),
    ]


def lost_events(session: OpenSession) -> list[dict[str, Any]]:
    """What is known of a session that ended with its daemon: nothing about when."""
    return [_end(session, "lost", None)]


def _end(session: OpenSession, reason: str, now_ms: int | None) -> dict[str, Any]:
    payload: dict[str, Any] = {"reason": reason}
    if now_ms is not None:
        payload["duration_ms"] = max(now_ms - session.started_ms, 0)
    return {
        "event_type": "SessionEnd",
        "event_id": session.end_event_id,
        "session_id": session.session_id,
        "payload": payload,
    }


def decode_session(raw: bytes) -> OpenSession | None:
    """An open session, or None for bytes that are none."""
    try:
        return msgspec.json.decode(raw, type=OpenSession)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
