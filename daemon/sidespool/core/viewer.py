"""Renders the viewer's page: what waits and what was sent, to the byte, for the user to read.

One self-contained document: no script, no request to anywhere, not even to the daemon, so the
page needs no session and can leak nothing. It is a picture of one moment; `sidespool view` again
shows the next.
"""

import base64
import hashlib
from html import escape
from typing import Any

import msgspec

from sidespool.wire.catalog import Catalog

STYLE = (
    ":root{color-scheme:light dark;--edge:#d5dbe3;--soft:#5b6675;--card:#fff;--page:#f5f7f9;"
    "--mark:#0f766e}@media(prefers-color-scheme:dark){:root{--edge:#333c48;--soft:#9aa7b8;"
    "--card:#171c22;--page:#0f1317;--mark:#2dd4bf}}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:var(--page)}"
    "main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}h1{font-size:1.6rem;margin:0}"
    "h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p{margin:.4rem 0}.soft{color:var(--soft)}"
    ".level{font-size:1.2rem}.level b{color:var(--mark)}"
    "details,table{background:var(--card);border:1px solid var(--edge);border-radius:.5rem}"
    "details{margin:.35rem 0;padding:.5rem .8rem}summary{cursor:pointer}"
    "details details{background:none}pre{overflow:auto;font-size:.85rem;margin:.5rem 0 0}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.45rem .8rem;"
    "border-bottom:1px solid var(--edge);font-weight:400}tr:last-child>*{border-bottom:0}"
    "code{background:var(--card);border:1px solid var(--edge);border-radius:.25rem;"
    "padding:0 .3rem}time{font-variant-numeric:tabular-nums}"
)
POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
EVENTS_MAX = 2_000


class SentBatch(msgspec.Struct, frozen=True):
    """One batch of the history, with its lines as far as they are shown."""

    batch_id: str
    sent_at: str
    size_bytes: int
    lines: list[bytes]


class Page(msgspec.Struct, frozen=True):
    """All that the page shows."""

    app_id: str
    at: str
    level: str
    because: str
    layers: list[dict[str, str]]
    endpoint: str | None
    pending: list[bytes]
    pending_total: int
    sent: list[SentBatch]
    left_out: int


def render(page: Page, catalog: Catalog) -> bytes:
    """The whole HTML document."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f"<title>What {escape(page.app_id)} sends</title>",
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{STYLE}</style></head><body><main>",
        f"<h1>What {escape(page.app_id)} sends</h1>",
        f'<p class="soft">As of {_time(page.at)}. This page is on your machine only.</p>',
        *_level(page),
        *_pending(page, catalog),
        *_sent(page, catalog),
        *_rights(),
        "</main></body></html>",
    ]
    return "".join(parts).encode("utf-8", "replace")


def _level(page: Page) -> list[str]:
    rows = "".join(
        f"<tr><th>{escape(layer['layer'].replace('_', ' '))}</th><td>{escape(layer['level'])}</td>"
        f"<td>{escape(layer['because'])}</td></tr>"
        for layer in page.layers
    )
    where = (
        f"It goes to <code>{escape(page.endpoint)}</code>."
        if page.endpoint
        else ("No collector is set: nothing leaves this machine.")
    )
    return [
        f'<p class="level">The level is <b>{escape(page.level)}</b>: {escape(page.because)}.</p>',
        f"<p>{where}</p>",
        f"<details><summary>Who has a say in that</summary><table>{rows}</table></details>",
    ]


def _pending(page: Page, catalog: Catalog) -> list[str]:
    head = f"<h2>Waiting to be sent: {_events(page.pending_total)}</h2>"
    if not page.pending:
        return [head, '<p class="soft">Nothing waits.</p>']
    return [head, *(_event(line, catalog) for line in page.pending)]


def _sent(page: Page, catalog: Catalog) -> list[str]:
    head = f"<h2>Sent: {len(page.sent)} batches of the last 30 days</h2>"
    if not page.sent:
        return [head, '<p class="soft">Nothing has been sent.</p>']
    out = [head]
    for batch in page.sent:
        events = "".join(_event(line, catalog) for line in batch.lines)
        out.append(
            f"<details><summary>{_time(batch.sent_at)} · {_events(len(batch.lines))} · "
            f"{batch.size_bytes:,} bytes</summary>"
            f'<p class="soft">Batch {escape(batch.batch_id)}</p>{events}</details>'
        )
    if page.left_out:
        out.append(
            f'<p class="soft">{_events(page.left_out)} more: see <code>sidespool pending</code> '
            "and <code>sidespool history</code>.</p>"
        )
    return out


def _event(line: bytes, catalog: Catalog) -> str:
    try:
        event: dict[str, Any] = msgspec.json.decode(line)
        shown = msgspec.json.format(line, indent=2).decode("utf-8", "replace")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return f"<details><summary>unreadable</summary><pre>{escape(repr(line))}</pre></details>"
    name = str(event.get("event_type", ""))
    spec = catalog.events.get(name)
    why = f'<p class="soft">{escape(spec.why)}</p>' if spec else ""
    return (
        f"<details><summary>{_time(str(event.get('timestamp', '')))} · {escape(name)}</summary>"
        f"{why}<pre>{escape(shown)}</pre></details>"
    )


def _rights() -> list[str]:
    return [
        "<h2>Your choice</h2>",
        "<table><tr><th><code>sidespool disable</code></th><td>switch off; what waits is deleted"
        "</td></tr><tr><th><code>sidespool level error</code></th><td>send errors only</td></tr>"
        "<tr><th><code>sidespool reset</code></th><td>delete everything here, and ask the "
        "collector to delete what it has</td></tr></table>",
    ]


def _time(text: str) -> str:
    return f"<time>{escape(text[:19].replace('T', ' '))}</time>"


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"
