"""Runs blocking calls in threads, without letting one that hangs keep the process alive.

asyncio's own executor joins its threads when the loop ends: a name server or a locked keychain
that does not answer would then hold up the exit past its deadline.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def detached(call: Callable[..., T], *args: Any) -> T:
    """The call's result, from a daemon thread of its own; cancelling leaves the thread behind."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def body() -> None:
        result, error = None, None
        try:
            result = call(*args)
        except BaseException as problem:  # whoever waits must hear of it, whatever it is
            error = problem
        try:
            loop.call_soon_threadsafe(deliver, result, error)
        except RuntimeError:
            return  # the loop ended first: nobody waits any more

    threading.Thread(target=body, name="sidespool-detached", daemon=True).start()
    return await future


async def uninterrupted(call: Callable[..., T], *args: Any) -> T:
    """The call's result from asyncio's executor; a cancellation waits until it has finished.

    For writes that must not be left half done. One that finished counts: the cancellation is
    then dropped and the result returned.
    """
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(None, call, *args)
    while True:
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if work.cancelled():
                raise
