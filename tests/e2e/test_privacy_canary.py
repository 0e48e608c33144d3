"""Canaries in every string of every event: none of them on disk, in the log, or on the wire.

A real daemon, a real collector on loopback, and a relay that keeps every byte between them. The
daemon runs as a user, on a host and in a home that are canaries themselves. Every field of every
event carries every canary, the built-in catalog's and those of an app's catalog that has each kind
with each type it goes with; quarantine, counts and summaries are looked through, too.
"""

import base64
import json
import uuid
from pathlib import Path

import pytest

from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.level import Level
from sidespool.wire.lint.event_rule import LEVEL_OF_KIND
from sidespool.wire.lint.field_rule import TYPES_OF_KIND
from support.canary import (
    CARRIERS,
    MARKS,
    SECRETS,
    assert_none,
    events_of,
    files_below,
    host_marks,
    key_of,
    members,
)
from support.daemon import RunningDaemon, start_daemon, wait_until
from support.fake_collector import FakeCollector
from support.in_thread import in_thread
from support.live_collector import LiveCollector

FULL = {"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_FLUSH_INTERVAL_S": "0.2"}
ME = {"LOGNAME": "canaryuser", "USER": "canaryuser", "HOME": "/home/canaryuser"}
CONTENT_KINDS = (b'"ChatTurnFull"', b'"ProposalDiff"', b'"FileSnapshot"', b'"AppFull"')


def app_catalog() -> str:
    """An event for each level, with a field for each kind and type that may stand there."""
    text = "version = 1\n"
    for level in ("crash", "error", "usage", "full"):
        worth = "content" if level == "full" else "interaction"
        text += (
            f'[events.App{level.title()}]\nlevel = "{level}"\ndescription = "x"\nwhy = "x"\n'
            f'owner = "x"\nexpires = "never"\nsensitivity = "{worth}"\nretention_days = 1\n'
        )
        text += "".join(_field(f"App{level.title()}", *one) for one in _kinds(level))
    return text


def _kinds(level: str) -> list[tuple[str, str]]:
    reached = next(one for one in Level if one.label == level)
    return [
        (kind, type_)
        for kind, types in TYPES_OF_KIND.items()
        for type_ in types
        if LEVEL_OF_KIND.get(kind, Level.CRASH) <= reached
    ]


def _field(event: str, kind: str, type_: str) -> str:
    name = f"{kind}_{type_}_ms" if kind == "duration" else f"{kind}_{type_}_bytes"
    field = (
        f'[events.{event}.fields.{name}]\nkind = "{kind}"\ntype = "{type_}"\ndescription = "x"\n'
    )
    field += 'values = ["a", "b"]\n' if kind == "enum" else ""
    if kind in ("text", "stack", "content", "url") and type_ != "object":
        field += "max_bytes = 400\n"
    if type_ == "object":
        inner = f'[events.{event}.fields.{name}.fields.inner]\nkind = "text"\ndescription = "x"\n'
        field += inner + "max_bytes = 400\n"
    return field


def emit_everything(daemon: RunningDaemon, catalog: Catalog) -> int:
    accepted = 0
    with daemon.client() as client:
        for spec in catalog.events.values():
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
    with LiveCollector(tmp_path) as collector:
        with start_daemon({**FULL, **ME, **collector.env}, "--verbose") as daemon:
            accepted = emit_everything(daemon, builtin_catalog())
            key = key_of(daemon.data_dir)
            daemon.request("POST", "/v1/flush")
            wait_until(lambda: daemon.status()["tally"]["delivered"] >= accepted)
            on_disk = list(files_below(daemon.data_dir, key))
            daemon.terminate()
            said = daemon.stderr.encode()
        events = collector.events()
        wire = bytes(collector.wire)
    assert len(list(members(wire))) >= 3
    stored = [("collector", json.dumps(one, ensure_ascii=False).encode()) for one in events]
    unpacked = [("wire, unpacked", one) for one in members(wire)]
    everywhere = [*on_disk, ("stderr", said), ("wire", wire), *unpacked, *stored]
    assert_none(everywhere, CONTENT_KINDS, MARKS + host_marks())


@pytest.mark.slow
def test_no_canary_is_in_an_apps_own_events_in_quarantine_or_in_counts(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.catalog.toml"
    file.write_text(app_catalog())
    own = Catalog(parse_catalog(app_catalog()).events)
    with in_thread(FakeCollector()) as collector:
        collector.always(400)
        env = {
            **FULL, **ME, "TELEMETRY_CATALOG": str(file), "TELEMETRY_ENDPOINT": collector.url,
            "TELEMETRY_FULL_CONTENT_KEY": "file", "TELEMETRY_TOKEN": "t",
            "TELEMETRY_DATA_DIR": str(tmp_path / "data"),
            "TELEMETRY_SHUTDOWN_GRACE_S": "0.2",
        }  # fmt: skip
        with start_daemon(env, "--verbose") as daemon:
            emit_everything(daemon, own)
            wait_until(lambda: len(daemon.status()["spool"]["quarantined"]) >= 1)
            key = key_of(daemon.data_dir)
            shown = b"\n".join(json.dumps(one).encode() for one in daemon.pending())
            on_disk = list(files_below(daemon.data_dir, key))
            daemon.terminate()
            said = daemon.stderr.encode()
        with start_daemon({**env, "TELEMETRY_USAGE": "summary"}, "--verbose") as daemon:
            emit_everything(daemon, builtin_catalog())
            status = json.dumps(daemon.status()).encode()
            on_disk += files_below(daemon.data_dir, key)
            daemon.terminate()
            said += daemon.stderr.encode()
        wire = b"\n".join(one.body for one in collector.requests)
    assert {"quarantined", "json"} <= {name.rpartition(".")[2] for name, _ in on_disk}
    unpacked = [("wire, unpacked", one) for one in members(wire)]
    seen = [("stderr", said), ("pending", shown), ("status", status), ("wire", wire), *unpacked]
    assert_none([*on_disk, *seen], CONTENT_KINDS, MARKS + host_marks())
