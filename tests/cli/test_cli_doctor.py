"""doctor: every check, well and not well, and what it says to do."""

import json
import ssl
import stat
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
import trustme

from sidespool.cli.check import machine
from sidespool.cli.check.collector import check_collector
from sidespool.cli.check.finding import Finding
from sidespool.config import Config
from sidespool.runtime.lock import DirLock
from sidespool.runtime.paths import DataPaths
from support.answering_server import AnsweringServer, Prepared
from support.command_line import CommandLine, running_collector
from support.daemon import start_daemon

HEALTH = "/api/v1/health"
EVENTS = "/api/v1/events"
WELL = json.dumps({"status": "ok", "version": "1"}).encode()
TAKEN = b'{"accepted":0,"duplicates":0,"rejected":[]}'


def well(**changed: Prepared) -> Mapping[str, Prepared]:
    """A healthy collector's answers, some of them changed."""
    date = {"Date": formatdate(usegmt=True)}
    usual: dict[str, Prepared] = {HEALTH: (200, date, WELL), EVENTS: (200, date, TAKEN)}
    names = {"health": HEALTH, "events": EVENTS}
    return {**usual, **{names[name]: answer for name, answer in changed.items()}}


def examined(endpoint: str, token: str | None = "t", **config: str | bool) -> dict[str, Finding]:
    found = check_collector(Config(**config), endpoint, token)  # type: ignore[arg-type]  # fields
    return {one.check: one for one in found}


def states(found: Mapping[str, Finding]) -> dict[str, str]:
    return {name: one.state for name, one in found.items()}


# -- the way to the collector ----------------------------------------------------------------------


def test_a_well_collector_passes_every_check() -> None:
    with AnsweringServer(well()) as server:
        found = examined(server.url)
    assert states(found) == dict.fromkeys(
        ("endpoint", "network", "collector", "clock", "token"), "ok"
    )


def test_the_token_is_tried_with_a_batch_of_no_events() -> None:
    with AnsweringServer(well()) as server:
        examined(server.url, "secret-token")
    method, path, headers, body = server.asked[-1]
    assert (method, path, body) == ("POST", EVENTS, b"")
    assert headers["Authorization"] == "Bearer secret-token"


@pytest.mark.parametrize(
    ("token", "word"), [("wrong", "does not accept it"), (None, "there is none")]
)
def test_a_refused_token_fails_and_says_how_to_get_one(token: str | None, word: str) -> None:
    with AnsweringServer(well(events=(401, {}, b"{}"))) as server:
        found = examined(server.url, token)["token"]
    assert (found.state, word in found.says) == ("fail", True)
    assert "sidespool token set" in found.do


@pytest.mark.parametrize(("ahead_s", "word"), [(7200, "behind"), (-7200, "ahead of")])
def test_a_wrong_clock_is_measured_against_the_collectors(ahead_s: int, word: str) -> None:
    date = {"Date": formatdate(time.time() + ahead_s, usegmt=True)}
    with AnsweringServer(well(health=(200, date, WELL))) as server:
        found = examined(server.url)["clock"]
    assert found.state == "warn"
    assert word in found.says


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((200, {}, b"<html>Sign in to this network</html>"), "fail"),
        ((404, {}, b""), "fail"),
        ((503, {"Retry-After": "5"}, b"{}"), "warn"),
    ],
)
def test_what_is_no_healthy_collector_is_told(answer: Prepared, state: str) -> None:
    with AnsweringServer(well(health=answer)) as server:
        assert examined(server.url)["collector"].state == state


@pytest.mark.parametrize(
    ("endpoint", "check"),
    [
        ("telemetry.example.com", "endpoint"),
        ("http://telemetry.example.com", "endpoint"),
        ("https://no-such-host.invalid", "network"),
        ("http://127.0.0.1:1", "network"),
    ],
)
def test_an_address_that_leads_nowhere_ends_the_list(endpoint: str, check: str) -> None:
    found = examined(endpoint)
    assert list(found)[-1] == check
    assert found[check].state == "fail"
    assert found[check].do


def test_without_an_endpoint_there_is_nothing_to_check() -> None:
    assert states(examined("")) == {"endpoint": "ok"}


def tls_server(ca: trustme.CA, host: str, until: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host, not_after=until).configure_cert(context)
    return context


def test_a_private_authority_is_accepted_once_it_is_named(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    with AnsweringServer(well(), tls_server(ca, "127.0.0.1")) as server:
        unknown = examined(server.url)["TLS"]
        named = examined(server.url, ca_file=str(ca_file))
    assert unknown.state == "fail"
    assert "TELEMETRY_CA_FILE" in unknown.do
    assert set(states(named).values()) == {"ok"}


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    soon = datetime.now(UTC) + timedelta(days=3, hours=1)
    with AnsweringServer(well(), tls_server(ca, "127.0.0.1", soon)) as server:
        found = examined(server.url, ca_file=str(ca_file))["TLS"]
    assert (found.state, found.says) == ("warn", "the certificate ends in 3 days")


@pytest.mark.parametrize("fault", ["expired", "other host"])
def test_a_certificate_that_is_not_good_fails(tmp_path: Path, fault: str) -> None:
    ca = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    past = datetime.now(UTC) - timedelta(days=1) if fault == "expired" else None
    host = "127.0.0.1" if fault == "expired" else "elsewhere.example"
    with AnsweringServer(well(), tls_server(ca, host, past)) as server:
        found = examined(server.url, ca_file=str(ca_file))
    assert found["TLS"].state == "fail"
    assert "token" not in found


def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    found = examined("https://127.0.0.1:9", ca_file="/no/such/file.pem")
    assert "/no/such/file.pem" in found["endpoint"].says


# -- this machine ----------------------------------------------------------------------------------


def test_every_bad_setting_is_a_finding_of_its_own() -> None:
    config, found = machine.read_settings(
        {"TELEMETRY_LEVEL": "loud", "TELEMETRY_IDENTITY": "x", "TELEMETRY_LEVLE": "y",
         "TELEMETRY_APP_ID": "fine"}
    )  # fmt: skip
    assert [one.state for one in found] == ["fail", "fail", "warn"]
    assert "Did you mean TELEMETRY_LEVEL?" in found[-1].do
    assert config.app_id == "fine"


def test_a_data_directory_open_to_others_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    found = list(machine.check_data_dir(DataPaths(tmp_path)))
    assert found[0].state == "warn"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_data_directory_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    (found,) = machine.check_data_dir(DataPaths(tmp_path / "data"))
    assert found.state == "fail"


def test_quarantined_batches_are_pointed_out(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "01900000-0000-7300-8000-000000000001.v1.quarantined").write_text("")
    found = list(machine.check_data_dir(DataPaths(tmp_path)))
    assert [one.check for one in found if one.state == "warn"] == ["spool"]


def test_a_disk_without_room_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((1024, "fail"), (20 * 2**20, "warn"), (2**40, "ok")):
        monkeypatch.setattr(
            "shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": free})
        )
        assert machine.check_disk(DataPaths(tmp_path / "not" / "yet"), 50 * 2**20).state == state


def test_a_killed_daemon_is_told_from_a_silent_one(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    assert machine.check_daemon(paths).says == "none runs"
    with start_daemon({"TELEMETRY_DATA_DIR": str(paths.root)}) as daemon:
        assert str(daemon.ready["pid"]) in machine.check_daemon(paths).says
        daemon.kill9()
    assert machine.check_daemon(paths).state == "warn"
    lock = DirLock(paths.lock_file)
    assert lock.take()
    assert machine.check_daemon(paths).state == "fail"
    lock.release()


def test_the_check_of_the_lock_leaves_it_free(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    paths.lock_file.write_text("")
    machine.check_daemon(paths)
    lock = DirLock(paths.lock_file)
    assert lock.take()
    lock.release()


# -- the verb --------------------------------------------------------------------------------------


def test_all_is_well_with_a_real_daemon_and_a_real_collector(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "data")
    with running_collector(tmp_path) as collector:
        env = {
            **cli.env,
            "TELEMETRY_ENDPOINT": collector["url"],
            "TELEMETRY_TOKEN": collector["tokens"]["ingest"],
        }
        with start_daemon(env):
            said = cli("doctor", "--json", env=env)
            # The terminal's environment need not know what the app's does.
            bare = cli("doctor", "--json").json()
    assert said.code == 0, said.out
    assert {one["state"] for one in said.json()["checks"]} == {"ok"}
    assert next(c for c in bare["checks"] if c["check"] == "endpoint")["says"] == collector["url"]


def test_a_failed_check_is_exit_code_1_with_something_to_do(tmp_path: Path) -> None:
    said = CommandLine(tmp_path / "data")("doctor", env={"TELEMETRY_ENDPOINT": "ftp://x"})
    assert said.code == 1
    assert "fail endpoint" in said.out
    assert "→ Write it like https://" in said.out


def test_a_data_directory_that_cannot_be_written_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    tmp_path.chmod(0o700)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    (found,) = machine.check_data_dir(DataPaths(tmp_path))
    assert found.state == "fail"
    assert "Read-only file system" in found.says
