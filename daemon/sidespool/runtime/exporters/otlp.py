"""Sends a batch as OpenTelemetry log records to an OTLP/HTTP receiver."""

from collections.abc import Mapping

from sidespool import __version__
from sidespool.runtime.exporters.mapped import MappedExporter
from sidespool.wire.foreign.otlp import (
    CONTENT_TYPE_JSON,
    LOGS_PATH,
    classify_logs,
    encode_logs,
)
from sidespool.wire.foreign.stored import Mapped
from sidespool.wire.upload import Classification, Unauthorized


class OtlpExporter(MappedExporter):
    """An `Exporter` to one OTLP receiver; the token, where there is one, is a bearer token."""

    path = LOGS_PATH

    def _problem(self, token: str | None) -> Unauthorized | None:
        return None  # a receiver next door wants no token; one that does answers 401

    def _headers(self, token: str | None) -> dict[str, str]:
        headers = {"Content-Type": CONTENT_TYPE_JSON}
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})

    def _encode(self, lines: bytes, token: str | None) -> Mapped:
        return encode_logs(lines, __version__)

    def _classify(
        self, status: int, headers: Mapping[str, str], body: bytes, sent: int, now_wall: float
    ) -> Classification:
        return classify_logs(status, headers, body, sent, now_wall)
