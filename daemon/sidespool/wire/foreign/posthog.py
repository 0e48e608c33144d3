"""Maps stored events to PostHog's batch capture request, and reads PostHog's answer.

    POST {endpoint}/batch/
    {"api_key", "historical_migration": false, "batch": [
        {"event", "distinct_id", "timestamp", "uuid", "properties": {…payload, "$session_id", …}}]}

`uuid` is the event's id, by which PostHog merges what it gets twice. Every event says that no
person profile is to be made, and that neither the address it came from nor a place derived from
it is to be kept: PostHog adds the address only where an event has no `$ip` of its own.
There is no `sent_at`: with it PostHog would move all times by the difference of two clocks.

A payload field whose name means something to PostHog gets `payload.` before it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sidespool.wire.foreign.stored import Mapped, StoredEvent, delivered, read_events
from sidespool.wire.upload import Captive, Classification, classify

BATCH_PATH = "/batch/"
CONTENT_TYPE_JSON = "application/json"
QUOTA_LIMITED = "quota_limited"

_RESERVED = frozenset(("token", "api_key", "distinct_id", "sidespool_seq"))
_TAKEN = (1, "Ok", "ok")


def encode_batch(lines: bytes, api_key: str, sdk_version: str) -> Mapped:
    """NDJSON of stored events → the body of a batch request."""
    events = read_events(lines)
    document = {
        "api_key": api_key,
        "historical_migration": False,
        "batch": [_entry(event, sdk_version) for event in events],
    }
    return Mapped(msgspec.json.encode(document), len(events))


def _entry(event: StoredEvent, sdk_version: str) -> dict[str, Any]:
    entry = {
        "event": event.event_type,
        # Required by PostHog; an event of nobody is nobody else's either.
        "distinct_id": event.user_id or event.event_id,
        "uuid": event.event_id,
        "properties": _properties(event, sdk_version),
    }
    return entry | ({"timestamp": event.timestamp} if event.timestamp else {})


def _properties(event: StoredEvent, sdk_version: str) -> dict[str, Any]:
    payload = event.payload if isinstance(event.payload, dict) else {"payload": event.payload}
    return _renamed(payload) | {
        "$session_id": event.session_id,
        "$app_name": event.app_id,
        "$app_version": event.app_version,
        "$os": event.os,
        "$lib": "sidespool",
        "$lib_version": sdk_version,
        "$process_person_profile": False,
        "$ip": None,
        "$geoip_disable": True,
        "sidespool_seq": event.seq,
    }


def _renamed(payload: dict[str, Any]) -> dict[str, Any]:
    special = [key for key in payload if key.startswith("$") or key in _RESERVED]
    if not special:
        return payload
    renamed = {key: value for key, value in payload.items() if key not in special}
    for key in special:
        name = f"payload.{key}"
        while name in renamed:
            name = f"payload.{name}"
        renamed[name] = payload[key]
    return renamed


class _Answer(msgspec.Struct, frozen=True):
    status: int | str
    quota_limited: list[str] | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def classify_batch(
    status: int | None, headers: Mapping[str, str], body: bytes, sent: int, now_wall: float
) -> Classification:
    """What an answer to `sent` ≥ 1 events means; see `wire.upload.classify` for the failures."""
    if status not in (200, 202):
        return classify(status, headers, body, sent, now_wall)
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Captive("a page that is not PostHog's answer")
    if answer.status not in _TAKEN:
        return Captive("the answer does not say that PostHog took the events")
    if "events" in (answer.quota_limited or ()):
        return delivered(sent, sent, QUOTA_LIMITED)
    return delivered(sent)
