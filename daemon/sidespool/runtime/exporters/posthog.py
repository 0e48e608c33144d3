"""Sends a batch to PostHog's capture endpoint; the token is the project's API key."""

from collections.abc import Mapping

from sidespool import __version__
from sidespool.runtime.exporters.mapped import MappedExporter
from sidespool.wire.foreign.posthog import (
    BATCH_PATH,
    CONTENT_TYPE_JSON,
    classify_batch,
    encode_batch,
)
from sidespool.wire.foreign.stored import Mapped
from sidespool.wire.upload import Classification, Unauthorized


class PosthogExporter(MappedExporter):
    """An `Exporter` to one PostHog project."""

    path = BATCH_PATH

    def _problem(self, token: str | None) -> Unauthorized | None:
        if token:
            return None
        return Unauthorized(f"PostHog needs the project's API key: {self._token.problem}")

    def _headers(self, token: str | None) -> dict[str, str]:
        return {"Content-Type": CONTENT_TYPE_JSON}

    def _encode(self, lines: bytes, token: str | None) -> Mapped:
        return encode_batch(lines, token or "", __version__)

    def _classify(
        self, status: int, headers: Mapping[str, str], body: bytes, sent: int, now_wall: float
    ) -> Classification:
        return classify_batch(status, headers, body, sent, now_wall)
