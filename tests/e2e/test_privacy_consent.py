"""What a withdrawal says it did, history where asked, and a new policy that asks again."""

from pathlib import Path

from support.daemon import start_daemon, wait_until
from support.fake_collector import HANG, FakeCollector
from support.in_thread import in_thread
from support.live_collector import LiveCollector

TURN = {"event_type": "ChatTurn", "payload": {"model": "m"}}


def test_a_withdrawal_says_what_it_deleted_and_what_was_on_the_wire() -> None:
    with in_thread(FakeCollector()) as collector:
        collector.always(HANG)
        env = {"TELEMETRY_ENDPOINT": collector.url, "TELEMETRY_FLUSH_INTERVAL_S": "0.1"}
        with start_daemon(env) as daemon, daemon.client() as client:
            client.emit(TURN, TURN)
            wait_until(lambda: daemon.status()["upload"]["in_flight"])
            reply = client.ask("consent", decision="denied")
            assert reply["withdrawn"]["events"] == 2
            assert reply["withdrawn"]["in_flight"] == "a batch that was being sent was cut off"
            assert daemon.status()["withdrawal"] == reply["withdrawn"]
            assert daemon.status()["spool"]["events"] == 0


def test_the_history_goes_only_where_asked(tmp_path: Path) -> None:
    env = {"TELEMETRY_FLUSH_INTERVAL_S": "0.1"}
    with (
        LiveCollector(tmp_path) as collector,
        start_daemon({**env, **collector.env}) as daemon,
        daemon.client() as client,
    ):
        history = daemon.data_dir / "history"
        client.emit(TURN)
        wait_until(lambda: list(history.iterdir()))
        client.ask("set", settings={"enabled": False})
        assert len(list(history.iterdir())) == 1
        reply = client.ask("set", settings={"enabled": False}, with_history=True)
        assert list(history.iterdir()) == []
        assert reply["withdrawn"]["history_files"] == 1
        assert not (daemon.data_dir / "forget.json").exists()


def test_consent_over_http_can_take_the_history_along(tmp_path: Path) -> None:
    env = {"TELEMETRY_FLUSH_INTERVAL_S": "0.1"}
    with LiveCollector(tmp_path) as collector, start_daemon({**env, **collector.env}) as daemon:
        history = daemon.data_dir / "history"
        daemon.request("POST", "/v1/events", TURN)
        wait_until(lambda: list(history.iterdir()))
        body = {"decision": "denied", "with_history": True}
        assert daemon.request("POST", "/v1/consent", body).status == 200
        assert list(history.iterdir()) == []


def test_a_new_policy_asks_again_and_an_old_yes_covers_what_it_covered(tmp_path: Path) -> None:
    env = {"TELEMETRY_DATA_DIR": str(tmp_path / "d"), "TELEMETRY_POLICY_VERSION": "1"}
    with start_daemon(env) as daemon, daemon.client() as client:
        client.ask("consent", decision="granted", policy_version="1", level="error")
        assert daemon.request("GET", "/v1/settings").json()["must_ask"] is False
    newer = {**env, "TELEMETRY_POLICY_VERSION": "2"}
    with start_daemon(newer) as daemon:
        settings = daemon.request("GET", "/v1/settings").json()
        assert (settings["must_ask"], settings["level"]) == (True, "error")
    with start_daemon({**newer, "TELEMETRY_CONSENT_MODEL": "opt_in"}) as daemon:
        settings = daemon.request("GET", "/v1/settings").json()
        assert (settings["must_ask"], settings["level"]) == (True, "off")
