"""`sidespool emit`: hands one event to the daemon, for scripts and for first tries."""

import json
from typing import Any

import click
import msgspec

from sidespool.cli.place import answer, verb_options


def parse_payload(words: tuple[str, ...], event_type: str) -> dict[str, Any]:
    """A payload from one JSON object, or from key=value words; raises click.UsageError."""
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        try:
            payload: dict[str, Any] = msgspec.json.decode(words[0], type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise click.UsageError(f"the payload is not JSON: {error}") from None
        return payload
    found: dict[str, Any] = {}
    texts = _text_fields(event_type) if words else frozenset()
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{word!r} is neither a JSON object nor key=value")
        found[key] = value if key in texts else _value(value)
    return found


def _text_fields(event_type: str) -> frozenset[str]:
    """Fields whose value is a text even where it looks like a number, by the catalog."""
    from sidespool.cli.serving_catalog import serving_catalog

    spec = serving_catalog().events.get(event_type)
    if spec is None:
        return frozenset()
    kinds = ("string", "enum", "timestamp", "string_or_map")
    return frozenset(name for name, field in spec.fields.items() if field.type in kinds)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@click.command()
@click.argument("event_type")
@click.argument("payload", nargs=-1)
@click.option("--event-id", help="A UUID; the same one again counts once.")
@click.option("--session", help="The session it belongs to.")
@click.option("--timestamp", help="When it happened, RFC 3339; default: now.")
@click.option("--wait", is_flag=True, help="Return only when it has been sent to the collector.")
@verb_options
def emit(
    event_type: str, payload: tuple[str, ...], event_id: str | None, session: str | None,
    timestamp: str | None, wait: bool,
) -> int:  # fmt: skip
    """Hand an event to the daemon and wait until it is on stable storage.

    Where no daemon runs, one is started for this event alone; then nothing is sent but with --wait.
    PAYLOAD is one JSON object or key=value words: `sidespool emit ChatTurn model=m latency_ms=12`.
    """
    from sidespool.cli.momentary import some_daemon

    event = {
        "event_type": event_type,
        "payload": parse_payload(payload, event_type),
        "event_id": event_id,
        "session_id": session,
        "timestamp": timestamp,
    }
    event = {key: value for key, value in event.items() if value is not None}
    with some_daemon(sends=wait) as (control, _):
        said = control.ask("emit", events=[event])
        if wait and said["accepted"]:
            said["flush"] = control.ask("flush")
    flushed = said.get("flush", {})
    answer(said, _sentence(event_type, said))
    return 0 if said["accepted"] and not flushed.get("pending") else 1


def _sentence(event_type: str, said: dict[str, Any]) -> str:
    if said["rejected"]:
        first = said["rejected"][0]
        return f"{event_type} was rejected: {first['reason']} ({first['detail']})"
    flushed = said.get("flush")
    if flushed is None:
        return f"{event_type} is on stable storage"
    if flushed["pending"]:
        return f"{event_type} is on stable storage, not sent yet: {flushed.get('error', '')}"
    return f"{event_type} was sent"
