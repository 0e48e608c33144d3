"""Renders templates: autoescaped, with the few filters that make numbers readable."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import jinja2
import msgspec
from aiohttp import web
from markupsafe import Markup

from sidespool.wire.event import format_time
from sidespool_collector.chart.view import day_text

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sidespool_collector", "dashboard/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "quantity": quantity,
        "moment": moment,
        "day": day_text,
        "change": change,
        "data": data,
        "size": size,
    }
    return environment


def render(template: str, status: int = 200, **values: Any) -> web.Response:
    """A page."""
    text = _environment().get_template(template).render(**values)
    return web.Response(text=text, status=status, content_type="text/html")


def count(value: float | None) -> str:
    """`1,234`, `12.3 k`, `4.5 M`; a dash for nothing."""
    if value is None:
        return DASH
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:.3g} M"
    if abs(value) >= 100_000:
        return f"{value / 1000:.3g} k"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 10 else f"{value:.1f}"


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit: durations in the largest unit that fits, shares with `%`."""
    if value is None:
        return DASH
    if unit == "ms":
        return duration(value)
    if unit in ("%", "share"):
        return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"
    if unit == "ratio":
        return f"{value:.2g}"
    return count(value)


def duration(ms: float) -> str:
    """`340 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d`."""
    if ms < 0:
        return MINUS + duration(-ms)
    if ms < 1000:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


def size(value: float) -> str:
    """`12 KB`, `3.4 MB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return ""


def moment(ms: int) -> Markup:
    """A time as people read it, with the exact one for machines."""
    stamp = datetime.fromtimestamp(ms / 1000, UTC)
    shown = f"{stamp.day} {stamp:%b %H:%M}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(  # escaped
        format_time(ms), f"{stamp:%Y-%m-%d %H:%M:%S}", shown
    )


def change(value: float | None, before: float | None, unit: str = "") -> str:
    """`+12 %` against the period before, of shares `+2 pt`; empty where nothing compares."""
    if value is None or not before:
        return ""
    if unit == "%":
        points = round(value - before, 1)
        sign = "+" if points > 0 else MINUS if points < 0 else "±"
        return f"{sign}{abs(points):g} pt"
    percent = 100 * (value - before) / before
    if abs(percent) < 0.5:
        return "±0 %"
    sign = "+" if percent > 0 else MINUS
    return f"{sign}{abs(percent):.0f} %" if abs(percent) < 1000 else f"{sign}>999 %"


def data(value: Any) -> Markup:
    """JSON that may stand inside a script element of type application/json."""
    text = msgspec.json.encode(value).decode()
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escape)
    return Markup(text)  # noqa: S704  # nothing in it can end the element
