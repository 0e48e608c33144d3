"""Describes the daemon in one document: what `sidespool status` and every client can ask for."""

import os
import time
from typing import TYPE_CHECKING, Any

from sidespool import __version__
from sidespool.config import unknown_names
from sidespool.wire.event import format_time
from sidespool.wire.level import Level

if TYPE_CHECKING:
    from sidespool.app.daemon import Daemon


class DaemonStatus:
    """Reads the daemon's parts."""

    def __init__(self, daemon: "Daemon") -> None:
        self._daemon = daemon

    def describe(self) -> dict[str, Any]:
        """The whole document; numbers are counts of events unless their names say otherwise."""
        daemon = self._daemon
        config, governor = daemon.config, daemon.governor
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - daemon.started, 1),
            "app_id": config.app_id,
            "user_id": daemon.storage.user_id,
            "data_dir": str(daemon.paths.root),
            "level": governor.level.label,
            "decided_by": governor.verdict.decided_by,
            "because": governor.verdict.because,
            "layers": governor.layers(),
            "settings": governor.settings(),
            "local_only": not daemon.outbound.may_send(governor.level),
            "endpoint": daemon.outbound.endpoint or None,
            "exporter": list(config.exporter),
            "upload": daemon.outbound.uploader.state,
            "spool": self._spool(),
            "tally": self._tally(),
            "deletion": daemon.outbound.eraser.requests,
            **daemon.privacy.describe(),
            "clients": daemon.reception.clients(),
            "refused": dict(daemon.reception.refused),
            "warnings": self.warnings(),
        }

    def _spool(self) -> dict[str, Any]:
        store = self._daemon.storage.store
        book = store.book
        segments = list(book.segments.values())
        oldest = min((one.created_ms for one in segments), default=None)
        return {
            "segments": len(segments),
            "sealed": sum(one.sealed for one in segments),
            "events": book.events,
            "size_bytes": book.total_bytes,
            "size_bytes_max": book.bytes_max,
            "oldest": None if oldest is None else format_time(oldest),
            "quarantined": dict(store.quarantined),
            "quarantined_bytes": store.quarantine.size_bytes,
            "quarantined_given_up": store.quarantine.given_up,
            "problem": self._daemon.storage.spooler.last_error,
        }

    def _tally(self) -> dict[str, Any]:
        tally = self._daemon.storage.store.tally
        counts = tally.all_time
        return {
            "since": format_time(counts.since_ms),
            "accepted": counts.accepted,
            "delivered": counts.delivered,
            "rejected": dict(counts.rejected),
            "dropped": dict(counts.dropped),
            "in_spool": self._daemon.storage.store.book.events,
        }

    def warnings(self) -> list[str]:
        """Sentences for a person, each saying what to do where something can be done."""
        daemon = self._daemon
        out = [
            f"{name} is not a setting" + (f"; did you mean {near}?" if near else "")
            for name, near in unknown_names(os.environ)
        ]
        if self._daemon.outbound.problem:
            out.append(self._daemon.outbound.problem)
        if daemon.config.allow_insecure and daemon.outbound.endpoint.startswith("http://"):
            out.append("events travel unencrypted: TELEMETRY_ALLOW_INSECURE is set")
        out.extend(daemon.governor.live.warnings)
        out.extend(daemon.privacy.noisy.warnings())
        return out

    def why_not_sent(self) -> str:
        """Why nothing leaves, as a sentence."""
        daemon = self._daemon
        if daemon.governor.level is Level.OFF:
            return f"nothing is sent: {daemon.governor.verdict.because}"
        if daemon.config.local:
            return "nothing is sent: TELEMETRY_LOCAL is set"
        return self._daemon.outbound.problem or "nothing is sent: no endpoint is set"
