"""Runs an asynchronous helper (a fake or a real collector) beside a test that is not."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_thread(entered: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enters the context in a loop of its own thread; leaves it when the block ends."""
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    held: list[T] = []

    async def live() -> None:
        try:
            async with entered as value:
                held.append(value)
                ready.set()
                await done.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),), daemon=True)
    thread.start()
    ready.wait(20)
    assert held, "the helper did not start"
    try:
        yield held[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(20)
        loop.close()
