"""Counters and gauges for Prometheus, in a registry of their own for each collector."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)  # fmt: skip

from sidespool_collector.store.contract import Holding

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counters:
    """What happened since the start, and what is held now."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "sidespool_http_requests", "Requests by route and status.",
            ["route", "status"], registry=registry,
        )  # fmt: skip
        self.events = Counter(
            "sidespool_events", "Events received, by what became of them.",
            ["outcome"], registry=registry,
        )  # fmt: skip
        self.rejected = Counter(
            "sidespool_events_rejected", "Events refused, by reason.", ["reason"], registry=registry
        )
        self.forwarded = Counter(
            "sidespool_events_forwarded", "Events forwarded, by outcome.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self.ingest_s = Histogram(
            "sidespool_ingest_seconds", "Time from a batch's headers to its answer.",
            registry=registry, buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )  # fmt: skip
        self.body_bytes = Counter(
            "sidespool_ingest_body_bytes", "Bytes of batches as they came.", registry=registry
        )
        self._held = Gauge(
            "sidespool_store_events", "Events held, by type.", ["event_type"], registry=registry
        )
        self._size = Gauge("sidespool_store_bytes", "Size of the store.", registry=registry)
        self._files = Gauge(
            "sidespool_store_attachment_bytes", "Size of attachments.", registry=registry
        )
        self._pending = Gauge(
            "sidespool_deletions_pending", "Deletion requests not finished.", registry=registry
        )

        self._sessions = Gauge(
            "sidespool_sessions", "Sessions begun, by period up to now.", ["period"],
            registry=registry,
        )  # fmt: skip
        self._installs = Gauge(
            "sidespool_active_installs", "Distinct installs, by period up to now.", ["period"],
            registry=registry,
        )  # fmt: skip
        self._alerts = Gauge(
            "sidespool_alert_firing", "1 where a rule fires and is not silenced.", ["rule"],
            registry=registry,
        )  # fmt: skip
        ProcessCollector(registry=registry)

    def show_use(self, counts: dict[str, tuple[int, int]], firing: dict[str, bool]) -> None:
        """Sets sessions and installs by period, and rules by whether they fire."""
        for period, (sessions, installs) in counts.items():
            self._sessions.labels(period).set(sessions)
            self._installs.labels(period).set(installs)
        self._alerts.clear()
        for rule, is_firing in firing.items():
            self._alerts.labels(rule).set(int(is_firing))

    def render(self, holding: Holding) -> bytes:
        """The exposition text."""
        self._held.clear()
        for name, n in holding.by_type.items():
            self._held.labels(name).set(n)
        self._size.set(holding.size_bytes)
        self._files.set(holding.attachment_bytes)
        self._pending.set(holding.pending_deletions)
        return generate_latest(self._registry)
