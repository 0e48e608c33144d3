"""The status document while no daemon runs: the same shape, read from the data directory."""

from typing import Any

import msgspec

from sidespool import __version__
from sidespool.cli.spool_view import read_consent, read_tally, spool_summary
from sidespool.cli.verdict import judge, live_settings
from sidespool.config import Config, unknown_names
from sidespool.core.tally import Counts
from sidespool.runtime.identity import Install, user_id
from sidespool.runtime.ids import now_ms
from sidespool.runtime.paths import DataPaths
from sidespool.wire.event import format_time


def offline_status(config: Config, paths: DataPaths, environ: dict[str, str]) -> dict[str, Any]:
    """What the next daemon would find; `running` is false and there is no upload state."""
    verdict = judge(config, paths)
    live = live_settings(config)
    spool = spool_summary(paths, config.spool_max_bytes)
    current = read_consent(paths, format_time(now_ms())).current
    return {
        "running": False,
        "version": __version__,
        "pid": None,
        "app_id": config.app_id,
        "user_id": install_id(config, paths),
        "data_dir": str(paths.root),
        "level": verdict.level.label,
        "decided_by": verdict.decided_by,
        "because": verdict.because,
        "layers": [
            {"layer": say.layer, "level": say.level.label, "because": say.because}
            for say in verdict.layers
        ],
        "consent": current.decision if current else None,
        "must_ask": verdict.must_ask,
        "local_only": config.local or not live.endpoint,
        "endpoint": live.endpoint or None,
        "exporter": list(config.exporter),
        "upload": None,
        "spool": spool,
        "tally": _tally(paths, spool["events"]),
        "warnings": [*_misspelt(environ), *live.warnings],
    }


def install_id(config: Config, paths: DataPaths) -> str | None:
    """The id that goes with events; None before the first start."""
    try:
        install = msgspec.json.decode(paths.install_file.read_bytes(), type=Install)
    except (OSError, msgspec.MsgspecError):
        return None
    return user_id(install, config.identity, config.user_id)


def _tally(paths: DataPaths, in_spool: int) -> dict[str, Any]:
    """As the daemon tells it; what was accepted follows from the rest."""
    tally = read_tally(paths)
    counts = tally.all_time if tally else Counts()
    dropped = dict(counts.dropped)
    return {
        "since": format_time(counts.since_ms) if counts.since_ms else None,
        "accepted": counts.delivered + sum(dropped.values()) + in_spool,
        "delivered": counts.delivered,
        "rejected": dict(counts.rejected),
        "dropped": dropped,
        "in_spool": in_spool,
    }


def _misspelt(environ: dict[str, str]) -> list[str]:
    return [
        f"{name} is not a setting" + (f"; did you mean {near}?" if near else "")
        for name, near in unknown_names(environ)
    ]
