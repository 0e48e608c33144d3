"""Sends each batch to several exporters; it is delivered when all of them have it."""

import contextlib
from collections import OrderedDict
from collections.abc import Sequence

from sidespool.core.tee import combined, is_final
from sidespool.runtime.upload_ports import Exporter, SealedBatch
from sidespool.wire.upload import Backoff, BackoffCause, Classification

# Batches of which some exporters have an answer; more than the spool holds at its default quota.
_REMEMBERED_MAX = 1_000


class TeeExporter:
    """An `Exporter` to all of `exporters`, in their order.

    Which of them took a batch is remembered in memory only: after a restart one may see it again.
    """

    def __init__(self, exporters: Sequence[Exporter]) -> None:
        self._exporters = list(exporters)
        self._final: OrderedDict[str, dict[int, Classification]] = OrderedDict()

    async def send(self, batch: SealedBatch) -> Classification:
        """One attempt with each that has not taken the batch yet."""
        final = self._final.setdefault(batch.batch_id, {})
        answers: list[Classification] = []
        for index, exporter in enumerate(self._exporters):
            answer = final.get(index) or await _attempt(exporter, batch)
            if is_final(answer):
                final[index] = answer
            answers.append(answer)
        whole = combined(answers)
        if is_final(whole):
            self._final.pop(batch.batch_id, None)
        elif len(self._final) > _REMEMBERED_MAX:
            self._final.popitem(last=False)
        return whole

    def abort(self) -> None:
        """All of them."""
        for exporter in self._exporters:
            exporter.abort()

    async def aclose(self) -> None:
        """All of them, whatever one of them says."""
        async with contextlib.AsyncExitStack() as closing:
            for exporter in self._exporters:
                closing.push_async_callback(exporter.aclose)


async def _attempt(exporter: Exporter, batch: SealedBatch) -> Classification:
    """One exporter's disk trouble must not keep the batch from the others."""
    try:
        return await exporter.send(batch)
    except FileNotFoundError:
        raise
    except OSError as error:
        return Backoff(error.strerror or type(error).__name__, BackoffCause.FILE)
