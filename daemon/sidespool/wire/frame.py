"""The frames of the local protocol, version 1: one JSON object each, on every transport.

WebSocket: a text frame each. Unix socket, named pipe and standard input: a line each. The tag is
`op`. `emit` has two forms: with typed events (the fast path: one decode checks everything) and
with raw ones (the slow path: each event is judged on its own, so that a bad one costs only
itself).
"""

import re
from typing import Any

import msgspec

PROTOCOL = 1
SUBPROTOCOL = "sidespool.v1"
TOKEN_SUBPROTOCOL = "token."  # noqa: S105  # a prefix, not a secret


class Frame(msgspec.Struct, tag_field="op", gc=False):
    """Base of what a client may say."""


class Hello(Frame, tag="hello"):
    """The first frame; on the Unix socket and named pipe it carries the token."""

    client: str = "unknown"
    session_id: str | None = None
    token: str | None = None
    id: int | str | None = None


class Emit(Frame, tag="emit"):
    """Events to take in; answered by an ack with the same id once they are durable."""

    events: list[msgspec.Raw]
    id: int | str | None = None


class Settings(msgspec.Struct, omit_defaults=True):
    """The app's settings as a client may change them; `null` takes a change back."""

    enabled: bool | msgspec.UnsetType | None = msgspec.UNSET
    full_content: bool | msgspec.UnsetType | None = msgspec.UNSET
    level: str | msgspec.UnsetType | None = msgspec.UNSET


class Set(Frame, tag="set"):
    """Changes settings, or hands over secrets (standard input only)."""

    settings: Settings = msgspec.field(default_factory=Settings)
    secrets: dict[str, str | None] = {}
    with_history: bool = False
    id: int | str | None = None


class UnknownSettings(msgspec.Struct):
    """A `set` with keys that are no settings: answered as a mistake, and nothing is changed.

    Ignoring them would leave telemetry on for somebody who wrote `enable: false`.
    """

    names: list[str]
    id: int | str | None = None


class Consent(Frame, tag="consent"):
    """The user's decision."""

    decision: str
    policy_version: str = ""
    level: str | None = None
    with_history: bool = False
    id: int | str | None = None


class Attach(Frame, tag="attach"):
    """A file that belongs to an event; `data` is base64."""

    event_id: str
    name: str
    data: bytes
    content_type: str = "application/octet-stream"
    id: int | str | None = None


class Lost(Frame, tag="lost"):
    """Tells how many events a client had to give up before they came here, by reason."""

    counts: dict[str, int]
    id: int | str | None = None


class Report(Frame, tag="report"):
    """An error, reported by a person or by the application; `preview` only shows it."""

    error_type: str = ""
    message: str = ""
    stack_trace: str = ""
    source: str = ""
    mode: str = ""
    tool: str = ""
    mcp_server: str = ""
    mcp_tool: str = ""
    description: str = ""
    include_description: bool = False
    automatic: bool = False
    preview: bool = False
    id: int | str | None = None


class Reports(Frame, tag="reports"):
    """Asks for the reports made on this machine, newest first."""

    id: int | str | None = None


class Status(Frame, tag="status"):
    """Asks for the state of everything."""

    id: int | str | None = None


class View(Frame, tag="view"):
    """Asks for a one-time link to the viewer."""

    id: int | str | None = None


class Flush(Frame, tag="flush"):
    """Seals and tries to upload now."""

    id: int | str | None = None


class Reset(Frame, tag="reset"):
    """Deletes everything here and asks the collector to do the same."""

    id: int | str | None = None


class Shutdown(Frame, tag="shutdown"):
    """Ends the daemon."""

    id: int | str | None = None


class Goodbye(Frame, tag="goodbye"):
    """Closes this connection."""


AnyFrame = (
    Hello | Emit | Set | Consent | Attach | Lost | Report | Reports
    | Status | View | Flush | Reset | Shutdown | Goodbye
)  # fmt: skip
Question = AnyFrame | UnknownSettings
_DECODER = msgspec.json.Decoder(AnyFrame)
_SETTINGS = Settings.__struct_fields__
_ENCODER = msgspec.json.Encoder()
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one
    rb"|\\.",  # any other escape, so that none is entered in its middle
    re.DOTALL,
)


def decode_frame(raw: bytes | bytearray | memoryview) -> Question | None:
    """The frame, or None for any bytes that are not one."""
    frame = _decode(raw)
    if isinstance(frame, Set):
        content = _object(raw)
        return None if content is None else checked_set(frame, content)
    if frame is None:
        mended = mend_surrogates(bytes(raw))
        again = None if mended is None else _decode(mended)
        frame = again if isinstance(again, Emit) else None
    return frame


def checked_set(frame: Set, content: dict[str, Any]) -> Set | UnknownSettings:
    """The frame that was read from this JSON object, or what stands in it and is no setting."""
    known = {"op", *Set.__struct_fields__}
    names = [name for name in content if name not in known]
    names += [name for name in content.get("settings", ()) if name not in _SETTINGS]
    return UnknownSettings(names, frame.id) if names else frame


def _object(raw: bytes | bytearray | memoryview) -> dict[str, Any] | None:
    """All of it, also what the typed decoder skips and so does not check."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _decode(raw: bytes | bytearray | memoryview) -> AnyFrame | None:
    try:
        frame: AnyFrame = _DECODER.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return frame


def mend_surrogates(raw: bytes) -> bytes | None:
    """The JSON with U+FFFD for each half of a surrogate pair; None where there is none to mend.

    JavaScript writes such halves when a text is cut in the middle of an emoji; RFC 8259 section 8.2
    leaves open what a reader makes of them.
    """
    mended = _ESCAPE.sub(lambda found: found[0] if found[1] is None else b"\\ufffd", raw)
    return mended if mended != raw else None


def typed_emit(event_union: Any) -> "msgspec.json.Decoder[Any]":
    """A decoder for `emit` frames whose events are checked against a catalog as they are read."""
    emit = msgspec.defstruct(
        "TypedEmit",
        [("events", list[event_union]), ("id", int | str | None, None)],
        tag="emit",
        tag_field="op",
        gc=False,
    )
    return msgspec.json.Decoder(emit)


def encode_frame(frame: dict[str, Any]) -> bytes:
    """A frame from the daemon, as bytes without a line end."""
    return _ENCODER.encode(frame)
