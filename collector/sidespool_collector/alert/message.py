"""A notice as the forms in which destinations take it: JSON, Slack's text, a mail. Pure."""

import hmac
from email.message import EmailMessage
from typing import Any

import msgspec

from sidespool.wire.event import format_time
from sidespool_collector.alert.machine import Notice, Told

SIGNATURE_HEADER = "X-Sidespool-Signature"
LINE_MAX = 600
SUBJECT_MAX = 120
_MARKS = {"firing": ":red_circle:", "still firing": ":large_orange_circle:",
          "resolved": ":large_green_circle:"}  # fmt: skip


def subject_of(notice: Notice) -> str:
    """One line: how many of what."""
    counts: dict[str, int] = {}
    for told in notice.changes:
        counts[told.change] = counts.get(told.change, 0) + 1
    if len(notice.changes) == 1 and not notice.more:
        return f"{notice.changes[0].change}: {notice.changes[0].rule}"[:SUBJECT_MAX]
    parts = ", ".join(f"{n} {change}" for change, n in counts.items())
    return f"{parts}{f' and {notice.more} more' if notice.more else ''}"


def lines_of(notice: Notice) -> list[str]:
    """One line a change."""
    found = [f"{_line(told)} (since {format_time(told.since_ms)})" for told in notice.changes]
    return [*found, f"and {notice.more} more"] if notice.more else found


def _line(told: Told) -> str:
    text = " ".join(told.text.split())[:LINE_MAX]
    return f"[{told.change}] {told.rule}: {text}"


def webhook_body(notice: Notice, url: str) -> bytes:
    """JSON for programs; `id` is the same when a notice is sent again."""
    value: dict[str, Any] = {
        "id": f"{notice.destination}-{notice.at_ms}",
        "at": format_time(notice.at_ms),
        "summary": subject_of(notice),
        "dashboard": url,
        "more": notice.more,
        "changes": [
            {
                "rule": told.rule, "key": told.key, "change": told.change, "value": told.value,
                "text": told.text, "since": format_time(told.since_ms),
            }
            for told in notice.changes
        ],
    }  # fmt: skip
    return msgspec.json.encode(value)


def signature_of(secret: str, body: bytes) -> str:
    """What a receiver computes over the body's bytes to know who sent it."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def slack_body(notice: Notice, url: str) -> bytes:
    """Slack's mrkdwn, with the three characters escaped that it asks to escape."""
    lines = [f"*Sidespool* {_escaped(subject_of(notice))}"]
    lines += [f"{_MARKS[t.change]} {_escaped(_line(t))}" for t in notice.changes]
    lines += [f"and {notice.more} more"] if notice.more else []
    lines += [f"<{url}|Open the dashboard>"] if url else []
    return msgspec.json.encode({"text": "\n".join(lines)})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mail_of(notice: Notice, sender: str, to: list[str], url: str) -> EmailMessage:
    """A plain-text mail; a repeated one has the same Message-ID."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Subject"] = f"[Sidespool] {subject_of(notice)}"
    mail["Date"] = _date(notice.at_ms)
    mail["Message-ID"] = f"<{notice.destination.encode().hex()}-{notice.at_ms}@sidespool.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    text = "\n".join(lines_of(notice))
    mail.set_content(f"{text}\n\n{url}\n" if url else f"{text}\n")
    return mail


def _date(ms: int) -> str:
    from email.utils import formatdate

    return formatdate(ms / 1000, usegmt=True)
