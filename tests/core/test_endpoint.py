"""Which addresses of collectors and proxies are taken, and where a redirect may lead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.endpoint import (
    Endpoint,
    check_endpoint,
    check_proxy,
    is_loopback,
    redirect_target,
)
from sidespool.errors import ConfigError


def checked(url: str, allow_insecure: bool = False) -> Endpoint:
    endpoint = check_endpoint(url, allow_insecure)
    assert isinstance(endpoint, Endpoint), endpoint
    return endpoint


@pytest.mark.parametrize(
    ("url", "events_url"),
    [
        ("https://t.example.com", "https://t.example.com/x"),
        ("https://t.example.com/", "https://t.example.com/x"),
        ("https://t.example.com///", "https://t.example.com/x"),
        (" https://t.example.com:8443/tele/metry/ ", "https://t.example.com:8443/tele/metry/x"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/x"),
        ("http://localhost:8080/a", "http://localhost:8080/a/x"),
        ("http://[::1]:8080", "http://[::1]:8080/x"),
        ("http://127.8.9.1", "http://127.8.9.1/x"),
    ],
)
def test_a_usable_endpoint_keeps_its_path_and_loses_its_trailing_slash(
    url: str, events_url: str
) -> None:
    endpoint = checked(url)
    assert endpoint.url("/x") == events_url
    assert not endpoint.insecure


@pytest.mark.parametrize(
    "url",
    [
        "",
        "t.example.com",
        "ftp://t.example.com",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "https://user@t.example.com",
        "https://user:pw@t.example.com",
        "https://@t.example.com",
        "https://t.example.com/?token=x",
        "https://t.example.com/#x",
        "https://t.example.com:99999",
        "https://t.example.com:0",
        "https://t.example.com:x",
        "https://t.exa mple.com",
        "https://t.example.com\\@evil.example",
        "https://t.example.com/\r\nX: y",
        "https://[::1",
        "http://t.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.nip.io",
        "http://localhost.example.com",
        "http://2130706433",
        "http://0.0.0.0",
    ],
)
def test_an_unusable_endpoint_says_which_setting_and_what_is_wrong(url: str) -> None:
    error = check_endpoint(url, False)
    assert isinstance(error, ConfigError)
    assert error.setting == "TELEMETRY_ENDPOINT"
    assert "pw" not in str(error)


def test_clear_text_to_another_machine_is_possible_and_marked() -> None:
    endpoint = checked("http://t.example.com", allow_insecure=True)
    assert endpoint.insecure
    assert endpoint.port == 80


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_an_endpoint_or_an_error(text: str, insecure: bool) -> None:
    for url in (text, f"https://{text}", f"http://127.0.0.1{text}"):
        endpoint = check_endpoint(url, insecure)
        if isinstance(endpoint, Endpoint):
            assert "@" not in endpoint.base.split("/")[2]
            assert insecure or not endpoint.insecure


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("[::1]", True), ("::2", False),
     ("128.0.0.1", False), ("example.com", False), ("", False)],
)  # fmt: skip
def test_loopback_is_what_can_only_mean_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


URL = "https://t.example.com/base/api/v1/events"


@pytest.mark.parametrize(
    ("status", "location", "target"),
    [
        (308, "/v2/events", "https://t.example.com/v2/events"),
        (307, "https://t.example.com:443/v2", "https://t.example.com:443/v2"),
        (307, "https://T.example.com/v2", "https://T.example.com/v2"),
        (307, "other", "https://t.example.com/base/api/v1/other"),
        (307, "", None),
        (301, "/v2/events", None),
        (302, "/v2/events", None),
        (303, "/v2/events", None),
        (200, "/v2/events", None),
        (308, "https://t.example.com:8443/v2", None),
        (308, "http://t.example.com/v2", None),
        (308, "https://evil.example/v2", None),
        (308, "//evil.example/v2", None),
        (308, "https://x@t.example.com/v2", None),
        (308, "https://t.example.com:port/v2", None),
        (308, "https://[::1/v2", None),
    ],
)
def test_a_redirect_is_followed_within_the_origin_only(
    status: int, location: str, target: str | None
) -> None:
    assert redirect_target(URL, status, location) == target


@given(st.integers(200, 599), st.text(max_size=40))
def test_no_redirect_leaves_the_origin(status: int, location: str) -> None:
    target = redirect_target(URL, status, location)
    assert target is None or target.lower().startswith("https://t.example.com")


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("https://u:p%40ss@proxy", "https://u:p%40ss@proxy"),
    ],
)
def test_a_proxy_may_leave_out_its_scheme_and_carry_credentials(url: str, used: str) -> None:
    assert check_proxy(url, "TELEMETRY_PROXY") == used


@pytest.mark.parametrize(
    "url", ["socks5://u:secret@proxy:1080", "http://", "http://u:secret@proxy:x", "a b", "p:0"]
)
def test_an_unusable_proxy_is_named_without_its_password(url: str) -> None:
    error = check_proxy(url, "TELEMETRY_PROXY")
    assert isinstance(error, ConfigError)
    assert "secret" not in str(error)
