"""A bad setting is one line that names it; good ones mean what the documents say."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidespool.errors import ConfigError
from sidespool_collector.event import REASON_ERASED
from sidespool_collector.settings import (
    Settings,
    load_settings,
    parse_rate,
    sqlite_path,
    unknown_variables,
)  # fmt: skip

EXPLAINED = ("unknown_event", "unknown_field", "invalid_value", "malformed", "too_large")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COLLECTOR_STORE", "mysql://x"),
        ("COLLECTOR_LISTEN", "8787"),
        ("COLLECTOR_LISTEN", "host:99999"),
        ("COLLECTOR_RETENTION_DAYS", "0"),
        ("COLLECTOR_RETENTION_DAYS", "ninety"),
        ("COLLECTOR_RATE_PER_IP", "fast"),
        ("COLLECTOR_RATE_PER_INSTALL", "-1"),
        ("COLLECTOR_TRUSTED_PROXIES", "10.0.0.0/99"),
        ("COLLECTOR_TLS_CERT", "cert.pem"),
        ("COLLECTOR_OPEN_DASHBOARD", "perhaps"),
        ("COLLECTOR_MIN_GROUP", "0"),
    ],
)
def test_a_bad_value_names_its_variable_on_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_LISTEN", "0.0.0.0:9000")
    monkeypatch.setenv("COLLECTOR_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.1")
    monkeypatch.setenv("COLLECTOR_RATE_PER_IP", "10/s")
    settings = load_settings(listen=None, retention_days=7)
    assert (settings.host, settings.port, settings.is_loopback) == ("0.0.0.0", 9000, False)
    assert [str(n) for n in settings.trusted_proxies] == ["10.0.0.0/8", "192.168.1.1/32"]
    assert settings.retention_days == 7


@pytest.mark.parametrize(
    ("listen", "host", "is_loopback"),
    [
        ("127.0.0.1:1", "127.0.0.1", True),
        ("localhost:1", "localhost", True),
        ("[::1]:1", "::1", True),
        ("[::]:1", "::", False),
        ("192.168.0.9:1", "192.168.0.9", False),
        ("collector.example:1", "collector.example", False),
        (":1", "0.0.0.0", False),
    ],
)
def test_only_this_machine_is_known_as_such(listen: str, host: str, is_loopback: bool) -> None:
    settings = load_settings(listen=listen)
    assert (settings.host, settings.is_loopback) == (host, is_loopback)


def test_a_rate_has_a_unit_or_is_a_minutes() -> None:
    assert parse_rate("600") == (10, 600)
    assert parse_rate("5/s") == (5, 5)
    assert parse_rate("3600/h") == (1, 3600)
    assert parse_rate("0") == parse_rate("off") == (0, 0)


def test_without_configuration_everything_lies_in_the_users_own_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings()
    for path in (sqlite_path(settings.store_url), settings.tokens_path, settings.attachments_path):
        assert path.is_relative_to(tmp_path) or "sidespool-collector" in str(path)


def test_files_lie_beside_the_store() -> None:
    settings = load_settings(store="sqlite:////var/lib/c/c.db")
    assert settings.tokens_path == Path("/var/lib/c/tokens.json")
    assert sqlite_path("sqlite:///rel/c.db") == Path("rel/c.db")
    with pytest.raises(ConfigError, match="names no file"):
        sqlite_path("sqlite:///")


def test_a_misspelt_variable_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_RETENTION", "9")
    assert unknown_variables() == ["COLLECTOR_RETENTION"]


def test_every_setting_is_in_the_operators_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    for name in Settings.model_fields:
        assert f"COLLECTOR_{name.upper()}`" in guide, name


def test_every_refusal_of_the_guide_is_one_the_code_gives() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    for reason in (*EXPLAINED, REASON_ERASED):
        assert f"`{reason}`" in guide


def test_a_collector_starts_without_any_optional_part() -> None:
    """And does not spend memory on those it does not use."""
    script = (
        "import sys\n"
        "for name in ('authlib', 'joserfc', 'httpx', 'obstore', 'asyncpg', 'clickhouse_connect'):\n"
        "    sys.modules[name] = None\n"
        "import sidespool_collector.server, sidespool_collector.cli\n"
        "import sidespool_collector.store.sqlite.store\n"
        "print([m for m in ('pyarrow', 'duckdb') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
