"""Words for a status document: the same for a terminal, a pipe and a log."""

from typing import Any

_STYLES = {"off": "red", "crash": "yellow", "error": "yellow", "usage": "green", "full": "green"}


def headline(document: dict[str, Any]) -> str:
    """One sentence: the level and why it is that."""
    level = document["level"]
    if level == "full":
        return "The level is full: nothing limits it."
    what = "Nothing is collected" if level == "off" else f"The level is {level}"
    return f"{what}: {document['because']}."


def sections(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and one-line answers, for every kind of output."""
    spool, tally = document["spool"], document["tally"]
    lost = sum(tally["dropped"].values())
    rejected = sum(tally["rejected"].values())
    who = f"daemon {document['version']}, pid {document['pid']}"
    return [
        ("running", who if document["running"] else "no daemon runs; this is what it would find"),
        ("application", str(document["app_id"])),
        ("install id", str(document["user_id"] or "none yet")),
        ("data", str(document["data_dir"])),
        ("sends to", _target(document)),
        ("upload", _upload(document["upload"])),
        ("waiting", f"{spool['events']} events, {_size(spool['size_bytes'])}"),
        ("delivered", f"{tally['delivered']} of {tally['accepted']} taken in"),
        ("lost", _reasons(lost, tally["dropped"])),
        ("rejected", _reasons(rejected, tally["rejected"])),
        *((("quarantined", f"{len(spool['quarantined'])} batches"),) * bool(spool["quarantined"])),
        *((("disk", str(spool["problem"])),) * bool(spool["problem"])),
    ]


def plain_lines(document: dict[str, Any]) -> list[str]:
    """The whole answer without colours or boxes."""
    lines = [headline(document), ""]
    for say in document["layers"]:
        mark = "*" if say["layer"] == document["decided_by"] else " "
        lines.append(f"{mark} {say['layer']:<14} {say['level']:<6} {say['because']}")
    lines.append("")
    lines += [f"{name:<12} {text}" for name, text in sections(document)]
    lines += [f"warning: {text}" for text in document["warnings"]]
    return lines


def level_style(level: str) -> str:
    """The colour of a level."""
    return _STYLES.get(level, "white")


def _target(document: dict[str, Any]) -> str:
    if not document["local_only"]:
        return f"{document['endpoint'] or ', '.join(document['exporter'])}"
    if document["level"] == "off":
        return "nobody: telemetry is off"
    return "nobody: it stays on this machine"


def _upload(state: dict[str, Any] | None) -> str:
    if state is None:
        return "not running"
    text = str(state["state"]).replace("_", " ")
    if state.get("last_error") and state["state"] not in ("idle", "sending", "off"):
        text += f": {state['last_error']}"
    if state.get("next_attempt_at"):
        text += f"; next attempt at {str(state['next_attempt_at'])[11:19]} UTC"
    return text


def _reasons(total: int, by_reason: dict[str, int]) -> str:
    named = ", ".join(f"{reason} {count}" for reason, count in sorted(by_reason.items()))
    return f"{total} ({named})" if named else str(total)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1024:.1f} KiB" if size_bytes >= 1024 else f"{size_bytes} bytes"
