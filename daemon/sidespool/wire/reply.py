"""What the daemon says on the local protocol, version 1, as its clients read it.

The daemon writes these frames as plain dicts (`encode_frame`); the shapes here are what a client
may rely on, the source of the TypeScript types, and the decoder for clients in Python. Members
that a client does not know are skipped, so that a newer daemon can say more.
"""

import msgspec

from sidespool.wire.outcome import Rejection


class Reply(msgspec.Struct, tag_field="op"):
    """Base of what the daemon may say."""


class AppSettingsView(msgspec.Struct, frozen=True):
    """What the application's own settings say; `null` where nobody chose."""

    enabled: bool | None = None
    full_content: bool | None = None
    level: str | None = None


class SettingsView(msgspec.Struct, frozen=True, kw_only=True):
    """What is in effect after every layer had its say, and which layer decided.

    `must_ask`: the user has to be asked, for consent is missing or was given to an older policy.
    """

    enabled: bool
    full_content: bool
    level: str
    app: AppSettingsView = AppSettingsView()
    consent: str | None = None
    consent_model: str = "opt_out"
    must_ask: bool = False
    decided_by: str = ""
    because: str = ""
    policy_version: str = ""


class Welcome(Reply, tag="welcome", kw_only=True):
    """The answer to hello."""

    session_id: str
    level: str
    settings: SettingsView
    id: int | str | None = None


class Ack(Reply, tag="ack"):
    """The answer to emit, consent and attach: what was accepted is on stable storage.

    `level` comes with the answer to consent: what is in effect from now on.
    """

    id: int | str | None = None
    accepted: int = 0
    rejected: list[Rejection] = []
    level: str | None = None


class SettingsChanged(Reply, tag="settings", kw_only=True):
    """Sent to every client on every change, and as the answer to set: see SettingsView."""

    enabled: bool
    full_content: bool
    level: str
    app: AppSettingsView = AppSettingsView()
    consent: str | None = None
    consent_model: str = "opt_out"
    must_ask: bool = False
    decided_by: str = ""
    because: str = ""
    policy_version: str = ""
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
    """The frame before was not understood or not allowed; only `unauthorized` ends it all."""

    reason: str
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
