"""Canaries in every string of every event: none of them on disk, in the log, or on the wire.

A real daemon, a real collector on loopback, and a relay that keeps every byte between them. The
daemon runs as a user, on a host and in a home that are canaries themselves.
"""

import base64
import contextlib
import getpass
import json
import socket
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidespool.core.envelope import decrypt, file_key, is_encrypted, salt_of
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import EventSpec, FieldSpec
from support.daemon import RunningDaemon, start_daemon, wait_until
from support.live_collector import LiveCollector

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
FULL = {"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_FLUSH_INTERVAL_S": "0.2"}


def value_of(field: FieldSpec, canary: str) -> Any:
    """Something for this field, with the canary wherever text may stand."""
    text = f"before {canary} after"
    made: dict[str, Any] = {
        "integer": 1, "number": 1.5, "boolean": True, "timestamp": "2026-01-02T03:04:05.000Z",
        "array": [text], "map": {"key": text}, "string_or_map": {"note": text, canary[:40]: "x"},
    }  # fmt: skip
    if field.type == "enum":
        return field.values[0]
    if field.type == "object":
        return {one.name: value_of(one, canary) for one in field.fields.values()}
    if field.type == "map" and field.kind in ("count", "enum"):
        return {}
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


def emit_everything(daemon: RunningDaemon) -> int:
    accepted = 0
    with daemon.client() as client:
        for spec in builtin_catalog().events.values():
            if spec.origin == "client":
                answer = client.emit(*events_of(spec))
                assert answer["rejected"] == [], (spec.name, answer)
                accepted += answer["accepted"]
        client.emit({"event_type": "Nonsense", "payload": {"x": SECRETS["github"]}})
        client.emit({"event_type": "ChatTurn", "payload": {"oops": SECRETS["aws"]}})
        client.send({"op": "emit", "id": "x", "events": SECRETS["openai"]})
        data = base64.b64encode("\n".join(SECRETS.values()).encode()).decode()
        fields = {"event_id": str(uuid.uuid4()), "content_type": "text/plain"}
        client.ask("attach", name="log of canaryuser.txt", data=data, **fields)
        client.ask(
            "report", error_type="E", message=" ".join(CARRIERS.values()),
            stack_trace="\n".join(f"  at f ({one})" for one in CARRIERS.values()),
            description=" ".join(CARRIERS.values()), include_description=True,
        )  # fmt: skip
    return accepted


@pytest.mark.slow
def test_no_canary_is_on_disk_in_a_log_or_on_the_wire(tmp_path: Path) -> None:
    me = {"LOGNAME": "canaryuser", "USER": "canaryuser", "HOME": "/home/canaryuser"}
    with LiveCollector(tmp_path) as collector:
        with start_daemon({**FULL, **me, **collector.env}, "--verbose") as daemon:
            accepted = emit_everything(daemon)
            key = base64.b64decode((daemon.data_dir / "spool.key").read_bytes())
            daemon.request("POST", "/v1/flush")
            wait_until(lambda: daemon.status()["tally"]["delivered"] >= accepted)
            on_disk = [
                (str(path.relative_to(daemon.data_dir)), part)
                for path in daemon.data_dir.rglob("*")
                if path.is_file()
                for part in unpacked(path, key)
            ]
            daemon.terminate()
            said = daemon.stderr.encode()
        stored = json.dumps(collector.events(), ensure_ascii=False).encode()
        wire = bytes(collector.wire)
    everywhere = [*on_disk, ("stderr", said), ("wire", wire), ("collector", stored)]
    everywhere += [("wire, unpacked", one) for one in members(wire)]
    assert len(list(members(wire))) >= 3
    allowed = host_marks()
    # Content is what the user chose to share: people's names stay in it, credentials do not.
    personal = {"canary.person", "canaryuser", "Secret Project", "salary", "4111 1111 1111 1111",
                "203.0.113.77"}  # fmt: skip
    for place, raw in everywhere:
        for line in raw.split(b"\n"):
            is_content = any(kind in line for kind in CONTENT_KINDS)
            for mark in MARKS:
                if mark in personal and (is_content or place in ("wire", "collector")):
                    continue
                assert mark.encode() not in line, (place, mark, line[:300])
            for mark in allowed if not is_content and place != "collector" else ():
                assert mark.encode() not in line, (place, mark, line[:300])


CONTENT_KINDS = (b'"ChatTurnFull"', b'"ProposalDiff"', b'"FileSnapshot"')


def host_marks() -> list[str]:
    """This machine's own names, where they are long enough to mean anything."""
    names = {socket.gethostname(), getpass.getuser()}
    return [one for one in names if len(one) >= 6 and one != "localhost"]
