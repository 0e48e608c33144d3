"""`sidespool preview`: what an event would look like when it is sent, without sending it."""

from typing import TYPE_CHECKING

import click
import msgspec

from sidespool.cli.emit import parse_payload
from sidespool.cli.place import place, say_lines, verb_options, wants_json
from sidespool.config import Config
from sidespool.errors import DaemonUnreachableError
from sidespool.runtime.paths import DataPaths

if TYPE_CHECKING:
    from sidespool.core.admission import Admitted
    from sidespool.runtime.control import Preview


@click.command()
@click.argument("event_type")
@click.argument("payload", nargs=-1)
@verb_options
def preview(event_type: str, payload: tuple[str, ...]) -> int:
    """Show the exact bytes that an event would be sent as, without keeping or sending it.

    PAYLOAD is one JSON object or key=value words. Without a daemon the same code runs here.
    """
    event = {"event_type": event_type, "payload": parse_payload(payload, event_type)}
    said = load_preview(msgspec.json.encode([event]))
    if wants_json():
        say_lines([msgspec.json.encode(said)])
        return 1 if said.rejected else 0
    say_lines([bytes(line) for line in said.events])
    for refusal in said.rejected:
        click.echo(f"It would not be sent: {refusal.reason} ({refusal.detail})", err=True)
    return 1 if said.rejected else 0


def load_preview(events: bytes) -> "Preview":
    """What a JSON array of events would be sent as: by the daemon, else by its code here."""
    from sidespool.runtime.control import DaemonControl, Preview

    config, paths = place()
    try:
        with DaemonControl.connect(paths) as control:
            return control.preview(events)
    except DaemonUnreachableError:
        admitted = _admit_here(config, paths, events)
        lines = b"".join(chunk.lines for chunk in admitted.chunks).splitlines()
        return Preview([msgspec.Raw(line) for line in lines], admitted.rejected)


def _admit_here(config: Config, paths: DataPaths, events: bytes) -> "Admitted":
    """By the daemon's own code, with the ids of this installation where it has any yet."""
    from sidespool.app.machine import os_family, scrub_context
    from sidespool.cli.serving_catalog import serving_catalog
    from sidespool.cli.verdict import judge
    from sidespool.core.admission import Admission, Stamp
    from sidespool.core.scrub import Scrubber
    from sidespool.runtime.identity import Install, user_id
    from sidespool.runtime.ids import dice, new_uuid, now_ms
    from sidespool.wire.validate import Validator

    try:
        install = msgspec.json.decode(paths.install_file.read_bytes(), type=Install)
    except (OSError, msgspec.MsgspecError):
        install = Install(new_uuid(), "A" * 43 + "=")
    scrubber = Scrubber(scrub_context())
    admission = Admission(Validator(serving_catalog()), scrubber, install.key_bytes, 1)
    admission.level = judge(config, paths).level
    admission.on_identity(
        user_id(install, config.identity, config.user_id),
        config.app_id,
        config.app_version[:64],
        os_family(),
    )
    raw = msgspec.json.decode(events, type=list[msgspec.Raw])
    return admission.admit_raw(raw, Stamp(now_ms(), dice(80), "preview"))
