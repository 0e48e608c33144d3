"""Counters with noise through the whole pipeline, and what happens where noise cannot be added."""

import json
from pathlib import Path
from typing import Any

from support.daemon import start_daemon, wait_until
from support.live_collector import LiveCollector

DAY_MS = 86_400_000
CATALOG = """version = 1
[events.PanicPressed]
level = "usage"
aggregate = true
noise = "local"
epsilon = 1.0
period_maximum = 3
description = "The user pressed the panic button."
why = "Shows whether it is found at all."
owner = "safety"
expires = "never"
sensitivity = "interaction"
retention_days = 90

[events.PanicPressed.fields.was_by_mistake]
kind = "flag"
noise = "local"
epsilon = 0.5
description = "Whether it was taken back."
"""
PRESSED = {"event_type": "PanicPressed", "payload": {"was_by_mistake": True}}


def env_of(tmp_path: Path) -> dict[str, str]:
    catalog = tmp_path / "telemetry.catalog.toml"
    catalog.write_text(CATALOG)
    return {
        "TELEMETRY_CATALOG": str(catalog),
        "TELEMETRY_DATA_DIR": str(tmp_path / "data"),
        "TELEMETRY_FLUSH_INTERVAL_S": "0.1",
    }


def age(tmp_path: Path, days: int) -> None:
    """Lets the period have begun so many days earlier."""
    file = tmp_path / "data" / "rollup.json"
    known = json.loads(file.read_bytes())
    known["period_start_ms"] -= days * DAY_MS
    file.write_text(json.dumps(known))


def told(collector: LiveCollector) -> list[dict[str, Any]]:
    return [one["payload"] for one in collector.events() if one["event_type"] == "UsageSummary"]


def test_noisy_counters_reach_the_collector_once_a_period_used_or_not(tmp_path: Path) -> None:
    env = env_of(tmp_path)
    with start_daemon(env) as daemon:
        wait_until((tmp_path / "data" / "rollup.json").exists)  # begun though nothing was counted
        assert daemon.status()["noise"] == {
            "counters": 2, "epsilon_per_period": 1.5, "problem": "",
        }  # fmt: skip
        with daemon.client() as client:
            assert client.emit(PRESSED, PRESSED)["accepted"] == 2
    age(tmp_path, 2)
    with LiveCollector(tmp_path) as collector, start_daemon({**env, **collector.env}) as daemon:
        wait_until(lambda: len(told(collector)) >= 2)
        used, unused = told(collector)
        for payload in (used, unused):
            assert set(payload["noisy_counts"]) == {"PanicPressed"}
            assert set(payload["noisy_flags"]) == {"PanicPressed.was_by_mistake"}
            assert payload["noise_maximum"] == {"PanicPressed": 3}
            assert payload["noise_epsilon"]["PanicPressed.was_by_mistake"] == 0.5
            assert payload["events"] == {}
        assert b"PanicPressed" not in b"".join(
            one.read_bytes() for one in (tmp_path / "data" / "logs").iterdir()
        )


def test_without_the_library_a_counter_is_left_out_and_never_sent_bare(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "opendp").mkdir(parents=True)
    (broken / "opendp" / "__init__.py").write_text("raise ImportError('taken away')")
    env = {**env_of(tmp_path), "PYTHONPATH": str(broken)}
    with start_daemon(env) as daemon, daemon.client() as client:
        assert client.emit(PRESSED)["accepted"] == 1
    age(tmp_path, 1)
    with LiveCollector(tmp_path) as collector, start_daemon({**env, **collector.env}) as daemon:
        [payload] = wait_until(lambda: told(collector))
        assert not [name for name in payload if name.startswith(("noisy", "noise"))]
        assert "PanicPressed" not in json.dumps(payload)
        status = daemon.status()
        assert "sidespool[privacy]" in status["noise"]["problem"]
        assert any("2 noisy counters are not sent" in text for text in status["warnings"])
