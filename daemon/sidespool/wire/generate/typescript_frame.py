"""Renders the frames of the local protocol as TypeScript, from the structs of `wire`.

The structs are the source; where they take any string so that the daemon can answer with a
reason, `_NARROWER` gives the words a well-written client uses.
"""

import inspect
from enum import EnumMeta
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from sidespool.wire import frame, reply
from sidespool.wire.generate.typescript import doc_comment
from sidespool.wire.level import Level
from sidespool.wire.outcome import DropReason, LossReason, Reason, Rejection

_HEAD = """// Generated from the daemon's own frame definitions: do not edit, run `make generate`.

import type { ClientEvent } from "./event.js";
"""
_NAMES: dict[Any, str] = {
    Reason: "Reason",
    DropReason: "DropReason",
    LossReason: "LossReason",
    Rejection: "Rejection",
    frame.Settings: "SettingsChange",
    reply.AppSettingsView: "AppSettingsView",
    reply.SettingsView: "SettingsView",
    reply.Ready: "ReadyLine",
    reply.Refused: "ErrorFrame",
    reply.SettingsChanged: "SettingsFrame",
    msgspec.Raw: "ClientEvent",
    NoneType: "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    bytes: "string",
}
_NARROWER = {
    ("Settings", "level"): "Level | null",
    ("AppSettingsView", "level"): "Level | null",
    ("SettingsView", "level"): "Level",
    ("SettingsView", "consent"): '"granted" | "denied" | null',
    ("SettingsView", "consent_model"): '"opt_in" | "opt_out"',
    ("Consent", "decision"): '"granted" | "denied"',
    ("Consent", "level"): "Level | null",
    ("Welcome", "level"): "Level",
    ("Ack", "level"): "Level | null",
    ("SettingsChanged", "level"): "Level",
    ("SettingsChanged", "consent"): '"granted" | "denied" | null',
    ("SettingsChanged", "consent_model"): '"opt_in" | "opt_out"',
    ("Lost", "counts"): "Readonly<Partial<Record<LossReason, number>>>",
    ("Refused", "reason"): 'Reason | "unauthorized"',
}
_OPEN = (reply.Result,)  # what it says depends on the question
_PARTS = (frame.Settings, reply.AppSettingsView, reply.SettingsView, Rejection)


def render_frames() -> str:
    """`src/frame.ts` of the protocol package."""
    client = get_args(frame.AnyFrame)
    daemon = get_args(reply.AnyReply)
    parts = [
        _HEAD,
        *_constants(),
        *(_interface(kind) for kind in _PARTS),
        *(_interface(kind) for kind in (*client, *daemon, reply.Ready)),
        _union("ClientFrame", client, "Everything a client may say."),
        _union("DaemonFrame", daemon, "Everything the daemon may say on a connection."),
    ]
    return "\n".join(parts)


def _constants() -> list[str]:
    return [
        _constant("PROTOCOL", str(frame.PROTOCOL), "Version of the local protocol."),
        _constant("SUBPROTOCOL", f'"{frame.SUBPROTOCOL}"', "The WebSocket subprotocol."),
        _constant(
            "TOKEN_SUBPROTOCOL",
            f'"{frame.TOKEN_SUBPROTOCOL}"',
            "The second subprotocol is this, followed by the token.",
        ),
        _words("LEVELS", "Level", [level.label for level in Level], Level),
        _words("REASONS", "Reason", [reason.value for reason in Reason], Reason),
        _words("DROP_REASONS", "DropReason", [reason.value for reason in DropReason], DropReason),
        _words("LOSS_REASONS", "LossReason", [reason.value for reason in LossReason], LossReason),
    ]


def _constant(name: str, value: str, doc: str) -> str:
    return "\n".join([*doc_comment(doc), f"export const {name} = {value};", ""])


def _words(name: str, type_name: str, words: list[str], source: EnumMeta) -> str:
    doc = doc_comment(inspect.getdoc(source) or "")
    rows = [f'  "{word}",' for word in words]
    tail = f"export type {type_name} = (typeof {name})[number];"
    return "\n".join([*doc, f"export const {name} = [", *rows, "] as const;", *doc, tail, ""])


def _interface(kind: type[msgspec.Struct]) -> str:
    """Optional where the daemon has a default; what it says itself is always there."""
    lines = doc_comment(inspect.getdoc(kind) or "")
    lines.append(f"export interface {_name(kind)} {{")
    tag = kind.__struct_config__.tag
    if tag is not None:
        lines.append(f'  readonly op: "{tag}";')
    for field in msgspec.structs.fields(kind):
        mark, also = ("", "") if field.required else ("?", " | undefined")
        value = _NARROWER.get((kind.__name__, field.name)) or _type(field.type)
        lines.append(f"  readonly {field.name}{mark}: {value}{also};")
    if kind in _OPEN:
        lines.append("  readonly [name: string]: unknown;")
    return "\n".join([*lines, "}", ""])


def _name(kind: Any) -> str:
    return _NAMES.get(kind) or f"{kind.__name__}Frame"


def _type(wanted: Any) -> str:
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        kept = [_type(part) for part in inner if part is not msgspec.UnsetType]
        return " | ".join(dict.fromkeys(kept))
    if origin is list:
        return f"readonly {_type(inner[0])}[]"
    if origin is dict:
        return f"Readonly<Record<string, {_type(inner[1])}>>"
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in inner)
    return _name(wanted)


def _union(name: str, kinds: tuple[Any, ...], doc: str) -> str:
    rows = [f"  | {_name(kind)}" for kind in kinds]
    return "\n".join([*doc_comment(doc), f"export type {name} =", *rows[:-1], f"{rows[-1]};", ""])
