"""Canaries: secrets and people's data to plant in events, and ways to look for them everywhere."""

import base64
import contextlib
import getpass
import socket
import uuid
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sidespool.core.envelope import decrypt, file_key, is_encrypted, salt_of
from sidespool.wire.catalog import EventSpec, FieldSpec

SECRETS = {
    "github": "ghp_" + "Q7xWz2Lk9mPv4RtB" * 2 + "aZ19",
    "aws": "AKIA" + "Z7Q2WX6KLMNP4RTV",
    "openai": "sk-proj-" + "q7XwZ2lK9mPv4RtB" * 3,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnktc3ViamVjdCJ9.q7XwZ2lK9mPv4RtBq7XwZ2lK9mPv4Rt",
    "password": "password=Canary7Hunter2Pw",
}
PEOPLE = {
    "mail": "canary.person@private-mail.example",
    "home": "/home/canaryuser/Secret Project/notes.txt",
    "windows": r"C:\Users\canaryuser\Documents\salary.xlsx",
    "card": "4111 1111 1111 1111",
    "address": "203.0.113.77",
}
# What must not be found: the part of each that names somebody or opens something.
MARKS = [
    SECRETS["github"], SECRETS["aws"], SECRETS["openai"], "Canary7Hunter2Pw",
    "q7XwZ2lK9mPv4RtBq7XwZ2lK9mPv4Rt", "canary.person", "canaryuser", "Secret Project", "salary",
    "4111 1111 1111 1111", "203.0.113.77",
]  # fmt: skip
CARRIERS = {**SECRETS, **PEOPLE}


def value_of(field: FieldSpec, canary: str) -> Any:
    """Something for this field, with the canary wherever text may stand."""
    text = f"before {canary} after"
    made: dict[str, Any] = {
        "integer": 1, "number": 1.5, "boolean": True, "timestamp": "2026-01-02T03:04:05.000Z",
        "array": [text], "map": {"key": text, canary: "x"},
        "string_or_map": {"note": text, canary: "x"},
    }  # fmt: skip
    if field.type == "enum":
        return field.values[0]
    if field.type == "object":
        return {one.name: value_of(one, canary) for one in field.fields.values()}
    if field.type == "map" and field.kind in ("count", "duration", "size", "enum"):
        return {canary: field.values[0] if field.values else 1}
    return made.get(field.type, text)


def events_of(spec: EventSpec) -> Iterator[dict[str, Any]]:
    for canary in CARRIERS.values():
        fields = [field for field in spec.fields.values() if not field.bin_of]
        payload = {field.name: value_of(field, canary) for field in fields}
        yield {"event_type": spec.name, "event_id": str(uuid.uuid4()), "payload": payload}


def unpacked(path: Path, key: bytes | None) -> Iterator[bytes]:
    """A file's bytes as they lie, and what is packed or encrypted in them."""
    raw = path.read_bytes()
    yield raw
    if key is not None and is_encrypted(raw):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        raw = decrypt(raw, AESGCM(file_key(key, salt_of(raw))))
        yield raw
    if raw[:2] == b"\x1f\x8b":
        yield zlib.decompressobj(31).decompress(raw)


def members(wire: bytes) -> Iterator[bytes]:
    """Every gzip member that stands anywhere in a stream."""
    position = 0
    while (position := wire.find(b"\x1f\x8b\x08", position)) >= 0:
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(31).decompress(wire[position:])
        position += 1


# Content is what the user chose to share: people's names stay in it, credentials do not.
PERSONAL = {
    "canary.person", "canaryuser", "Secret Project", "salary", "4111 1111 1111 1111",
    "203.0.113.77",
}  # fmt: skip


def files_below(folder: Path, key: bytes | None) -> Iterator[tuple[str, bytes]]:
    """Every file with each of its layers."""
    for path in folder.rglob("*"):
        if path.is_file():
            for part in unpacked(path, key):
                yield str(path.relative_to(folder)), part


def key_of(folder: Path) -> bytes:
    """The key of full content, where it is a file."""
    return base64.b64decode((folder / "spool.key").read_bytes())


def assert_none(
    everywhere: Iterable[tuple[str, bytes]], content_kinds: Iterable[bytes], marks: list[str]
) -> None:
    """None of the marks stands in any line; people's data may stand in lines of these kinds."""
    kinds = tuple(content_kinds)
    for place, raw in everywhere:
        for line in raw.split(b"\n"):
            is_content = any(kind in line for kind in kinds)
            for mark in marks:
                if is_content and (mark in PERSONAL or mark in host_marks()):
                    continue
                assert mark.encode() not in line, (place, mark, line[:300])


def host_marks() -> list[str]:
    """This machine's own names, where they are long enough to mean anything."""
    names = {socket.gethostname(), getpass.getuser()}
    return [one for one in names if len(one) >= 6 and one != "localhost"]
