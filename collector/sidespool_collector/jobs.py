"""What the collector does by itself: erases, purges, and keeps the rollups up to date."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sidespool.wire.catalog import Catalog
from sidespool_collector.attachment import Files
from sidespool_collector.settings import Settings
from sidespool_collector.store.contract import Store

DAY_MS = 86_400_000
ROLL_EVERY_S = 10.0
ROLL_SHARE = 20  # at most one part in twenty of the time goes into rollups
RETRY_S = 30.0
Job = Callable[[], Awaitable[float]]
"""Does a piece of work; returns the seconds until the next."""
log = logging.getLogger("sidespool_collector")


def cutoffs_of(catalog: Catalog, retention_days: int, now_ms: int) -> tuple[dict[str, int], int]:
    """For each event type the time before which it goes, and the default for all others.

    The operator's number is a ceiling: a catalog may ask for less, never for more.
    """
    cutoffs = {
        name: now_ms - min(spec.retention_days, retention_days) * DAY_MS
        for name, spec in catalog.events.items()
    }
    return cutoffs, now_ms - retention_days * DAY_MS


async def purge(
    store: Store, files: Files, catalog: Catalog, settings: Settings, *, dry_run: bool = False
) -> dict[str, int]:
    """Removes what is expired; how many events, by type."""
    now = time.time_ns() // 1_000_000
    cutoffs, default = cutoffs_of(catalog, settings.retention_days, now)
    counts = await store.purge(cutoffs, default, dry_run=dry_run)
    if not dry_run:
        await store.release_files(files.unlink)
    return counts


async def run_jobs(
    store: Store, files: Files, catalog: Catalog, settings: Settings, wanted: asyncio.Event,
    *more: Job,
) -> None:  # fmt: skip
    """Runs until cancelled. `wanted` is set when a deletion request has come."""

    async def erase() -> float:
        wanted.clear()
        done = await store.erase_pending(time.time_ns() // 1_000_000, files.unlink)
        if done:
            log.info("erased %d deletion requests", done)
        with suppress(TimeoutError):  # a request may also have come to another collector
            async with asyncio.timeout(settings.purge_interval_s):
                await wanted.wait()
        return 0.0

    async def expire() -> float:
        counts = await purge(store, files, catalog, settings)
        if counts:
            log.info("purged %d expired rows", sum(counts.values()))
        return settings.purge_interval_s

    async def roll() -> float:
        started = time.monotonic()
        await store.refresh(ROLL_EVERY_S)
        return max(ROLL_EVERY_S, ROLL_SHARE * (time.monotonic() - started))

    async with asyncio.TaskGroup() as group:
        for job in (erase, expire, roll, *more):
            group.create_task(_forever(job))


async def _forever(job: Job) -> None:
    while True:
        try:
            pause = await job()
        except Exception:  # a job that failed is tried again; ingest goes on
            log.exception("background job failed; trying again in %d s", RETRY_S)
            pause = RETRY_S
        await asyncio.sleep(pause)
