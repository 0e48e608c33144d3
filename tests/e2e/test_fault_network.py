"""A network in trouble under the real daemon: nothing is lost, `status` says why, and it heals.

Each way by its name. While it lasts the daemon takes events in and keeps what it has; when it is
over, everything arrives, each event once.
"""

import contextlib
import datetime
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from sidespool.core.policy import MERGE_SEGMENTS_MIN
from support.daemon import RunningDaemon, SocketClient, wait_until
from support.doomed_daemon import Events, lying_events, settings, start
from support.faults import EAI_AGAIN, EAI_NONAME, Faults
from support.in_thread import in_thread
from support.proxy import FakeProxy
from support.small_collector import SmallCollector
from support.weather import Weather

PLAIN = {"TELEMETRY_ALLOW_INSECURE": "1", "NO_PROXY": "collector.test", "no_proxy": ""}


class Run:
    """One daemon in trouble: what it was told, what it acknowledged."""

    def __init__(self, data_dir: Path, collector: SmallCollector) -> None:
        self.data_dir, self.collector = data_dir, collector
        self.kept: list[str] = []
        self._events = Events()

    def emit(self, client: SocketClient, count: int) -> None:
        batch = [self._events.make("ChatTurn") for _ in range(count)]
        assert client.emit(*batch)["accepted"] == count, "trouble outside refuses nothing"
        self.kept += [one["event_id"] for one in batch]

    def through(
        self, env: Mapping[str, str], over: Callable[[], object], said: str
    ) -> dict[str, Any]:
        """From trouble, which is on, to its end; the status while it lasted."""
        with start(env) as daemon, daemon.client() as client:
            self.emit(client, 3)
            status = self._while_it_lasts(daemon, client, said)
            over()
            self.end(daemon, client)
        return status

    def _while_it_lasts(
        self, daemon: RunningDaemon, client: SocketClient, said: str
    ) -> dict[str, Any]:
        answer = client.ask("flush")
        assert answer["pending"] >= 1
        assert said in answer["error"], answer
        self.emit(client, 2)
        assert client.ask("flush")["pending"] >= 1
        status = daemon.status()
        assert said in status["upload"]["last_error"]
        assert status["tally"]["in_spool"] == len(self.kept)
        return status

    def end(self, daemon: RunningDaemon, client: SocketClient) -> None:
        """The trouble is over: everything arrives, once."""
        wait_until(lambda: client.ask("flush")["pending"] == 0)
        assert set(self.kept) <= self.collector.events.keys()
        assert daemon.status()["tally"]["dropped"] == {}
        assert lying_events(self.data_dir) == []


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with SmallCollector() as collector:
        yield Run(tmp_path / "data", collector)


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("refuses", "collector"),
        ("cuts", "collector"),
        ("portal", "page"),
        ("busy", "429"),
        ("broken", "503"),
        ("stumbles", "500"),
    ],
    ids=[
        "a connection refused",
        "a connection cut after the batch was taken",
        "a captive portal",
        "a storm of 429",
        "a 503 without a word",
        "a 500",
    ],
)
def test_a_collector_out_of_reach_gets_everything_later(mood: str, said: str, run: Run) -> None:
    with Weather(run.collector.port) as weather:
        weather.change(mood)
        run.through(settings(run.data_dir, weather.url), lambda: weather.change("clear"), said)


@pytest.mark.parametrize("mood", ["silent", "drips"], ids=["half-open", "dripping"])
def test_a_connection_that_hangs_holds_up_nobody(mood: str, run: Run) -> None:
    with Weather(run.collector.port) as weather:
        weather.change(mood)
        with start(settings(run.data_dir, weather.url)) as daemon, daemon.client() as client:
            run.emit(client, 3)
            client.send({"op": "flush", "id": "waits"})
            wait_until(lambda: weather.asked)
            wait_until(lambda: daemon.status()["upload"]["in_flight"])
            run.emit(client, 2)
            weather.change("clear")
            run.end(daemon, client)


def test_an_end_while_the_connection_hangs_keeps_everything_for_the_next_start(run: Run) -> None:
    with Weather(run.collector.port) as weather:
        weather.change("silent")
        env = settings(run.data_dir, weather.url)
        with start(env) as daemon, daemon.client() as client:
            run.emit(client, 3)
            client.send({"op": "flush", "id": "waits"})
            wait_until(lambda: daemon.status()["upload"]["in_flight"])
            assert daemon.terminate() == 0
        weather.change("clear")
        with start(env) as daemon, daemon.client() as client:
            run.end(daemon, client)


def test_a_long_time_without_a_network_leaves_few_files(run: Run) -> None:
    spool = run.data_dir / "spool"

    def nothing_active() -> bool:
        return not any(spool.glob("*.active"))

    with Weather(run.collector.port) as weather:
        weather.change("refuses")
        env = settings(run.data_dir, weather.url, TELEMETRY_FLUSH_INTERVAL_S="0.05")
        with start(env) as daemon, daemon.client() as client:
            for _ in range(MERGE_SEGMENTS_MIN + 2):
                run.emit(client, 1)
                wait_until(nothing_active)
            wait_until(lambda: len(list(spool.glob("*.sealed"))) < MERGE_SEGMENTS_MIN)
            assert daemon.status()["tally"]["in_spool"] == len(run.kept)
            weather.change("clear")
            run.end(daemon, client)


@pytest.mark.parametrize("code", [EAI_AGAIN, EAI_NONAME], ids=["no name server", "no such name"])
def test_a_name_that_is_not_found_is_found_later(code: int, run: Run, tmp_path: Path) -> None:
    with Faults(run.data_dir) as faults:
        endpoint = f"http://collector.test:{run.collector.port}"
        env = settings(run.data_dir, endpoint, **PLAIN, **faults.env)
        faults.set(dns_error=code)
        run.through(env, faults.clear, "cannot be resolved")
        assert faults.hits


def test_a_proxy_that_wants_a_password_is_told_of_and_heals(run: Run) -> None:
    proxy = FakeProxy({"collector.test": run.collector.port}, credentials="user:pw")
    with in_thread(proxy):
        env = settings(
            run.data_dir,
            f"http://collector.test:{run.collector.port}",
            TELEMETRY_ALLOW_INSECURE="1",
            TELEMETRY_PROXY=proxy.url,
        )

        def let_in() -> None:
            proxy.credentials = None

        run.through(env, let_in, "407")


# -- certificates ----------------------------------------------------------------------------------


class Certificates:
    """A server that speaks TLS with a certificate which can be exchanged while it runs."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def show(self, name: str = "127.0.0.1", *, expired: bool = False) -> None:
        """From now on."""
        past = datetime.datetime(2020, 1, 1)  # noqa: DTZ001  # trustme wants it naive
        until = past + datetime.timedelta(days=30) if expired else None
        issued = self.ca.issue_cert(name, not_before=past, not_after=until)
        issued.configure_cert(self.tls)

    def env(self, run: Run) -> dict[str, str]:
        return settings(run.data_dir, run.collector.url, TELEMETRY_CA_FILE=str(self.ca_file))


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@contextlib.contextmanager
def run_with_tls(tmp_path: Path, certificates: Certificates) -> Iterator[Run]:
    with SmallCollector(tls=certificates.tls) as collector:
        yield Run(tmp_path / "data", collector)


@pytest.mark.parametrize("what", ["a wrong host", "an expired one"])
def test_a_certificate_that_is_wrong_gets_nothing_until_it_is_right(
    what: str, tmp_path: Path, certificates: Certificates
) -> None:
    if what == "a wrong host":
        certificates.show("other.test")
    else:
        certificates.show(expired=True)
    with run_with_tls(tmp_path, certificates) as run:
        run.through(certificates.env(run), certificates.show, "certificate")


def test_a_private_certificate_gets_nothing_until_its_authority_is_named(
    tmp_path: Path, certificates: Certificates
) -> None:
    certificates.show()
    trustme.CA().cert_pem.write_to_path(str(certificates.ca_file))

    def name_it() -> None:
        certificates.ca.cert_pem.write_to_path(str(certificates.ca_file))

    with run_with_tls(tmp_path, certificates) as run:
        run.through(certificates.env(run), name_it, "certificate")
