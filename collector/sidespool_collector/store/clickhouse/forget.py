# ruff: noqa: S608  (names of our own tables; texts are quoted)
"""Deletes rows, and waits until they are gone on every replica.

ClickHouse deletes by writing the parts anew that hold such rows (a mutation), beside inserts and
queries. `forgotten` returns when all of them have been written on every replica; a replica that is
away is waited for by trying again (StoreBusyError). The parts that were replaced are no longer
read; their files go after `old_parts_lifetime`, eight minutes unless the operator says otherwise.
"""

import asyncio

from sidespool_collector.store.clickhouse.link import PATIENT_S, Link
from sidespool_collector.store.clickhouse.text import quoted
from sidespool_collector.store.contract import StoreBusyError

POLL_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


async def delete(link: Link, table: str, condition: str) -> None:
    """Begins to delete rows; `forgotten` waits for it."""
    await link.run(f"ALTER TABLE {table} DELETE WHERE {condition}", patience_s=PATIENT_S)


async def forgotten(link: Link, limit_s: float = PATIENT_S) -> None:
    """Waits until nothing is left to be deleted in any replica. Raises StoreBusyError.

    Every replica must know of the newest deletion of each table, and have done all it knows of.
    """
    query = (
        "SELECT table, max(mutation_id), countIf(NOT is_done) FROM system.mutations "
        f"WHERE database = {quoted(link.database)} GROUP BY table"
    )
    loop = asyncio.get_running_loop()
    ends = loop.time() + limit_s
    turn = 0
    while True:
        found = await link.everywhere(query)
        newest = [{(table, number) for table, number, _ in rows} for rows in found]
        if all(each == newest[0] for each in newest) and not any(n for r in found for *_, n in r):
            return
        if loop.time() > ends:
            raise StoreBusyError("rows are still being deleted", 60)
        await asyncio.sleep(POLL_S[min(turn, len(POLL_S) - 1)])
        turn += 1
