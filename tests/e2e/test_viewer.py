"""The viewer: a page with all that waits and was sent, opened once by a link and nothing else."""

import http.client
import re

import pytest

from support.daemon import RunningDaemon, start_daemon

TOOL = {"event_type": "ToolCall", "payload": {"tool_name": "<script>alert(1)</script>"}}


def visit(daemon: RunningDaemon, target: str, **headers: str) -> tuple[int, dict[str, str], str]:
    link = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    link.request("GET", target, headers=headers)
    got = link.getresponse()
    return got.status, dict(got.getheaders()), got.read().decode()


def link_of(daemon: RunningDaemon) -> str:
    with daemon.client() as client:
        url = str(client.ask("view")["url"])
    assert url.startswith(daemon.url + "/viewer/?key=")
    return url.removeprefix(daemon.url)


def test_a_link_opens_the_page_once_and_shows_what_waits() -> None:
    with start_daemon({"TELEMETRY_APP_ID": "my-app"}) as daemon:
        with daemon.client() as client:
            client.emit(TOOL)
        target = link_of(daemon)
        status, headers, page = visit(daemon, target)
        assert status == 200
        assert "What my-app sends" in page
        assert "Waiting to be sent: 1 event" in page
        assert "ToolCall" in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert visit(daemon, target)[0] == 401


def test_the_page_carries_no_script_and_shows_markup_as_text() -> None:
    with start_daemon({}) as daemon:
        with daemon.client() as client:
            client.emit(TOOL)
        page = visit(daemon, link_of(daemon))[2]
    assert "<script" not in page.lower()
    assert not re.search(r"\s(on\w+|src|href)=", page)


@pytest.mark.parametrize(
    "change",
    [
        lambda target: target.replace("/viewer/", "/v1/pending"),
        lambda target: target.replace("/viewer/", "/viewer/../v1/status"),
        lambda target: target.replace("/viewer/", "/viewer/%2e%2e/v1/status"),
        lambda target: target + "x",
        lambda target: target[:-1],
        lambda target: target + "&x=1",
        lambda _: "/viewer/?key=",
        lambda _: "/viewer/",
    ],
)
def test_a_link_opens_nothing_but_the_viewer(change: object) -> None:
    with start_daemon({}) as daemon:
        target = link_of(daemon)
        assert visit(daemon, change(target))[0] == 401  # type: ignore[operator]
        assert visit(daemon, target)[0] == 200


def test_a_page_from_elsewhere_cannot_use_a_link() -> None:
    with start_daemon({}) as daemon:
        target = link_of(daemon)
        assert visit(daemon, target, Origin="https://evil.example")[0] == 403
        assert visit(daemon, target, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
        assert visit(daemon, target, Host="evil.example")[0] == 421
        assert visit(daemon, target, **{"Sec-Fetch-Site": "none"})[0] == 200


def test_the_token_opens_the_page_too() -> None:
    with start_daemon({}) as daemon:
        answer = daemon.request("GET", "/viewer/")
        assert answer.status == 200
