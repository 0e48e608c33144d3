"""Shows events as a table on a terminal; imported only there, for it brings rich along."""

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

ROWS_MAX = 200


def show_events(lines: list[bytes], caption: str) -> None:
    """One row an event, newest last, with its payload on one line."""
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Time (UTC)", no_wrap=True)
    table.add_column("Event", style="bold", no_wrap=True)
    table.add_column("Bytes", justify="right", style="dim")
    table.add_column("Payload", overflow="ellipsis", no_wrap=True, ratio=1)
    for line in lines[-ROWS_MAX:]:
        event = msgspec.json.decode(line, type=dict[str, Any])
        payload = "  ".join(f"{key}={_short(value)}" for key, value in event["payload"].items())
        time_text = str(event["timestamp"])[:19].replace("T", " ")
        table.add_row(time_text, event["event_type"], str(len(line)), _plain(payload))
    console.print(table)
    if len(lines) > ROWS_MAX:
        caption += f" (the last {ROWS_MAX} are shown)"
    console.print(f"\n{caption}", style="dim", highlight=False)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"


def _plain(text: str) -> Any:
    """Text that is shown as it is: brackets are no markup, control characters do nothing."""
    from rich.text import Text

    return Text("".join(c if c.isprintable() else " " for c in text))
