"""Times a tool's calls: a context manager and a decorator that emit one `ToolCall` each.

    with telemetry.tool_call("search") as call: …
    @telemetry.tool_call("search")          # functions, coroutines, generators of both kinds

What the wrapped code raises passes through unchanged.
"""

import functools
import inspect
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import aclosing
from types import TracebackType
from typing import Any, TypeVar, cast

from sidespool.client.report import error_name

Emit = Callable[[str, dict[str, Any]], None]
F = TypeVar("F", bound=Callable[..., Any])


def tool_payload(name: str, started: float, *, error_type: str | None) -> dict[str, Any]:
    """The `ToolCall` of a call begun at `started` (time.perf_counter seconds) and ending now."""
    payload: dict[str, Any] = {
        "tool_name": name,
        "duration_ms": round((time.perf_counter() - started) * 1000, 3),
        "success": error_type is None,
    }
    if error_type is not None:
        payload["error_type"] = error_type
    return payload


class ToolCall:
    """One call, or a maker of calls where it decorates a function."""

    def __init__(self, emit: Emit, name: str) -> None:
        self._emit = emit
        self._name = name
        self._error_type: str | None = None
        self._started = time.perf_counter()

    def failed(self, error_type: str) -> None:
        """Marks the call as failed without an exception; `error_type` is a short class name."""
        self._error_type = error_type

    def __enter__(self) -> "ToolCall":
        self._error_type = None
        self._started = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        error_type = self._error_type
        if kind is not None and not issubclass(kind, GeneratorExit):  # the consumer had enough
            error_type = error_name(kind)
        self._emit("ToolCall", tool_payload(self._name, self._started, error_type=error_type))

    async def __aenter__(self) -> "ToolCall":
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def _again(self) -> "ToolCall":
        """A call of its own for each run of a decorated function: runs overlap."""
        return ToolCall(self._emit, self._name)

    def __call__(self, function: F) -> F:
        """The function, each run of which emits a `ToolCall`."""
        if inspect.isasyncgenfunction(function):
            wrapper = self._around_async_generator(function)
        elif inspect.iscoroutinefunction(function):
            wrapper = self._around_coroutine(function)
        elif inspect.isgeneratorfunction(function):
            wrapper = self._around_generator(function)
        else:
            wrapper = self._around_function(function)
        return cast(F, functools.wraps(function)(wrapper))

    def _around_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return run

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return await function(*args, **kwargs)

        return run

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with self._again():
                return (yield from function(*args, **kwargs))

        return run

    def _around_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with self._again():
                async with aclosing(function(*args, **kwargs)) as items:
                    async for item in items:
                        yield item

        return run
