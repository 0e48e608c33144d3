"""Turns an exception into the payload of an `Error` event, without the host's data.

The stack names files, lines and functions; never source text, arguments or local values. The
daemon scrubs and templates message, stack and context before anything is written.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from sidespool.wire.event import cut_text

TEXT_BYTES_MAX = 8192
NAME_BYTES_MAX = 128
FRAMES_MAX = 40
CHAIN_MAX = 4
CONTEXT_ITEMS_MAX = 20


def error_payload(error: BaseException, context: object) -> dict[str, Any]:
    """`error_type`, `message`, `stack_trace` and, where given, `context`."""
    payload: dict[str, Any] = {
        "error_type": error_name(error),
        "message": _message(error),
        "stack_trace": _cut_middle("\n".join(_chain_lines(error))),
    }
    kept = clean_context(context)
    if kept:
        payload["context"] = kept
    return payload


def error_name(error: BaseException | type[BaseException]) -> str:
    """The class's own name, such as `ValueError`."""
    kind = error if isinstance(error, type) else type(error)
    return cut_text(_text(kind.__name__), NAME_BYTES_MAX)


def clean_context(context: object) -> str | dict[str, Any]:
    """A text, or a map of short values; what is neither is left out rather than refused."""
    if isinstance(context, str):
        return cut_text(_text(context), TEXT_BYTES_MAX)
    if not isinstance(context, Mapping):
        return {}
    kept: dict[str, Any] = {}
    for key, value in context.items():
        if not isinstance(key, str) or len(kept) == CONTEXT_ITEMS_MAX:
            continue
        if isinstance(value, str):
            kept[_text(key)] = _text(value)
        elif value is None or isinstance(value, bool | int | float):
            kept[_text(key)] = value
    return kept


def _text(value: str) -> str:
    """A text that UTF-8 can carry: undecodable file names hold half surrogate pairs."""
    return str(value).encode("utf-8", "replace").decode()


def _message(error: BaseException) -> str:
    try:
        return cut_text(_text(str(error)), TEXT_BYTES_MAX)
    except Exception:
        return "(the exception has no readable message)"


def _chain_lines(error: BaseException) -> list[str]:
    """The exception and those behind it, the first cause first, as Python prints them."""
    lines: list[str] = []
    for link in reversed(_chain(error)):
        if lines:
            lines.append("")
        lines.append("Traceback (most recent call last):")
        lines += _frame_lines(link.__traceback__)
        kind = type(link)
        module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
        lines.append(f"{module}{_text(kind.__qualname__)}")
    return lines


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and len(chain) < CHAIN_MAX and not any(link is one for one in chain):
        chain.append(link)
        if isinstance(link, BaseExceptionGroup):
            link = link.exceptions[0]  # what a task group hides is mostly one error
        else:
            link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _frame_lines(trace: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(
            f'  File "{_text(code.co_filename)}", line {trace.tb_lineno}, in {_text(code.co_name)}'
        )
        trace = trace.tb_next
    if len(frames) > FRAMES_MAX:
        left_out = len(frames) - FRAMES_MAX
        half = FRAMES_MAX // 2
        frames[half:-half] = [f"  [{left_out} frames left out]"]
    return frames


def _cut_middle(text: str) -> str:
    """At most the limit; the innermost frames stand last, so the middle goes."""
    raw = text.encode()
    if len(raw) <= TEXT_BYTES_MAX:
        return text
    head, tail = TEXT_BYTES_MAX // 3, TEXT_BYTES_MAX // 2
    return f"{raw[:head].decode(errors='ignore')}\n  […]\n{raw[-tail:].decode(errors='ignore')}"
