"""The questions an assistant may ask, as plain functions over the daemon or its data directory.

Almost all only look. The two that change something can only lower what is collected: consent is
the user's, so nothing here grants it, raises a level, changes an endpoint or sends.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from sidespool.errors import DaemonUnreachableError, SidespoolError
from sidespool.wire.level import LEVEL_BY_LABEL, Level

DOOR = "mcp"
EVENTS_MAX = 200  # what one answer holds; an assistant's attention is finite, too

Answer = dict[str, Any]
Tool = Callable[..., Answer]
Limit = Annotated[int, "At most so many events, newest last; 1 to 200."]


def status() -> Answer:
    """What is collected at which level, who decided that and why, and what became of events."""
    from sidespool.cli.status import load_status

    return load_status()


def pending(limit: Limit = 20, event_type: str = "") -> Answer:
    """Events that wait to be sent, exactly as they would be sent."""
    from sidespool.cli.pending import load_pending

    return _some(load_pending(), limit, event_type)


def history(batch_id: str = "", limit: Limit = 20) -> Answer:
    """Batches that were sent, newest first; with a batch_id the events of that batch."""
    from sidespool.cli.history import load_batches, load_lines
    from sidespool.cli.place import place

    paths = place()[1]
    if batch_id:
        return _some(load_lines(paths, batch_id), limit, "")
    batches = load_batches(paths)
    return {"total": len(batches), "batches": batches[: _within(limit)]}


def consent_record() -> Answer:
    """Every decision of the user: what, up to which level, when, which policy, which door."""
    from sidespool.cli.consent import load_records

    records = load_records()
    return {"current": records[-1] if records else None, "records": records}


def list_events() -> Answer:
    """Every event the catalog knows, with the consent level it needs and what it means."""
    from sidespool.cli.serving_catalog import serving_catalog

    events = serving_catalog().events.values()
    return {
        "events": [
            {"event_type": one.name, "level": one.level_label, "description": one.description}
            for one in events
        ]
    }


def explain_event(event_type: str) -> Answer:
    """One event of the catalog: why it exists, who answers for it, its fields, their treatment."""
    from sidespool.cli.serving_catalog import serving_catalog
    from sidespool.wire.generate.privacy import describe_event
    from sidespool.wire.lint.mistake import nearest

    known = serving_catalog().events
    if event_type not in known:
        raise SidespoolError(f"{event_type} is not in the catalog", hint=nearest(event_type, known))
    return describe_event(known[event_type])


def validate_event(event_type: str, payload: dict[str, Any]) -> Answer:
    """Whether an event would be taken in by its form, whatever the level; nothing is kept."""
    from sidespool.cli.serving_catalog import serving_catalog
    from sidespool.wire.explain import explain
    from sidespool.wire.validate import Validator

    catalog = serving_catalog()
    raw = _event(event_type, payload)
    try:
        Validator(catalog).event_decoder.decode(raw)
    except msgspec.MsgspecError:
        reason, detail = explain(raw, catalog)
        return {"valid": False, "reason": str(reason), "detail": detail}
    return {"valid": True, "needs_level": catalog.events[event_type].level_label}


def preview(event_type: str, payload: dict[str, Any]) -> Answer:
    """The exact bytes an event would be sent as, scrubbed; nothing is kept or sent."""
    from sidespool.cli.preview import load_preview

    said = load_preview(b"[" + _event(event_type, payload) + b"]")
    return {
        "would_be_sent": [bytes(line).decode() for line in said.events],
        "rejected": [msgspec.to_builtins(one) for one in said.rejected],
    }


def scrub_text(text: str, as_template: bool = False) -> Answer:
    """The text as the scrubber leaves it, by the very code that runs on events."""
    from sidespool.cli.scrub import machine_context
    from sidespool.core.scrub.lines import LineScrubber

    op = "template" if as_template else "scrub"
    line = msgspec.json.encode({"id": 1, "op": op, "input": text}).decode()
    answer = LineScrubber(machine_context()).answer(line)
    return {"output": msgspec.json.decode(answer)["output"]}


def doctor() -> Answer:
    """Checks everything between this machine and the collector; changes and sends nothing."""
    from sidespool.cli.doctor import examine

    found = [msgspec.to_builtins(one) for one in examine()]
    return {"ok": all(one["state"] != "fail" for one in found), "checks": found}


def disable_telemetry() -> Answer:
    """Records the user's no and deletes what has not been sent. Only the user can undo it."""
    from sidespool.cli.decision import Decision, carry_out
    from sidespool.cli.place import place

    decision = Decision("denied", settings={"enabled": False}, door=DOOR)
    answer: Answer = msgspec.to_builtins(carry_out(*place(), decision))
    return answer


def lower_level(level: Literal["crash", "error", "usage"]) -> Answer:
    """Lowers what the running app collects and deletes what needs more and has not been sent.

    Lasts until the app's settings say otherwise. It cannot raise the level.
    """
    from sidespool.cli.place import place
    from sidespool.runtime.control import DaemonControl

    wanted = LEVEL_BY_LABEL.get(level, Level.OFF)
    try:
        with DaemonControl.connect(place()[1], DOOR) as control:
            now = LEVEL_BY_LABEL[str(control.ask("status")["level"])]
            if wanted >= now or wanted is Level.OFF:
                raise SidespoolError(
                    f"the level is {now.label}: this only lowers it, to crash, error or usage",
                    hint="The user raises it, in the app or with `sidespool level`",
                )
            return control.ask("set", settings={"level": wanted.label, "full_content": False})
    except DaemonUnreachableError as error:
        raise SidespoolError(
            error.message, hint="disable_telemetry works without a daemon"
        ) from error


LOOKS: tuple[Tool, ...] = (
    status, pending, history, consent_record, list_events, explain_event, validate_event,
    preview, scrub_text, doctor,
)  # fmt: skip
LOWERS: tuple[Tool, ...] = (disable_telemetry, lower_level)


def _event(event_type: str, payload: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"event_type": event_type, "payload": payload})


def _within(limit: int) -> int:
    return max(1, min(limit, EVENTS_MAX))


def _some(lines: list[bytes], limit: int, event_type: str) -> Answer:
    events = [msgspec.json.decode(line) for line in lines]
    if event_type:
        events = [one for one in events if one.get("event_type") == event_type]
    return {"total": len(events), "events": events[-_within(limit) :]}
