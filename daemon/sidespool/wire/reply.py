"""What the daemon says on the local protocol, version 1, as its clients read it.

The daemon writes these frames as plain dicts (`encode_frame`); the shapes here are what a client
may rely on, the source of the TypeScript types, and the decoder for clients in Python. Members
that a client does not know are skipped, so that a newer daemon can say more.
"""

import msgspec

from sidespool.wire.outcome import Reason, Rejection


class Reply(msgspec.Struct, tag_field="op"):
    """Base of what the daemon may say."""


class SettingsView(msgspec.Struct, frozen=True):
    """The app's settings as they stand; `null` where nobody chose."""

    enabled: bool | None = None
    full_content: bool | None = None
    level: str | None = None


class Welcome(Reply, tag="welcome"):
    """The answer to hello; `level` is the effective one, after every layer had its say."""

    session_id: str
    level: str
    settings: SettingsView = SettingsView()


class Ack(Reply, tag="ack"):
    """The answer to emit, consent and attach: what was accepted is on stable storage."""

    id: int | str | None = None
    accepted: int = 0
    rejected: list[Rejection] = []


class SettingsChanged(Reply, tag="settings"):
    """Sent to every client on every change, and as the answer to set."""

    level: str
    settings: SettingsView = SettingsView()
    id: int | str | None = None


class Result(Reply, tag="result"):
    """The answer to status, flush, reset and shutdown; further members depend on the question.

    `sealed`, `uploaded` and `pending` count events and come with flush.
    """

    id: int | str | None = None
    sealed: int | None = None
    uploaded: int | None = None
    pending: int | None = None
    error: str | None = None


class Refused(Reply, tag="error"):
    """The frame before was not understood; the connection lives."""

    reason: Reason
    detail: str = ""
    id: int | str | None = None


class Ready(Reply, tag="ready"):
    """The one line on standard output, also in runtime.json: where the daemon listens."""

    protocol: int
    version: str
    pid: int
    url: str
    token: str
    socket: str | None = None
    already_running: bool = False


AnyReply = Welcome | Ack | SettingsChanged | Result | Refused
_REPLY = msgspec.json.Decoder(AnyReply)
_READY = msgspec.json.Decoder(Ready)


def decode_reply(raw: bytes | str) -> AnyReply | None:
    """The reply, or None for any bytes that are not one."""
    try:
        reply: AnyReply = _REPLY.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return reply


def decode_ready(raw: bytes | str) -> Ready | None:
    """The ready line, or None for any bytes that are not one."""
    try:
        return _READY.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
