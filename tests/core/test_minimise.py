"""Bins, versions, systems and hashes: what is left of what could single out a machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.minimise import (
    count_bin,
    duration_bin,
    keyed_hash,
    normal_path,
    plain_os_version,
    plain_version,
    session_minutes_bin,
    size_bin,
)

MINUTE = 60_000


@pytest.mark.parametrize(
    ("duration_ms", "label"),
    [
        (0, "<1min"),
        (MINUTE - 1, "<1min"),
        (MINUTE, "1-5min"),
        (5 * MINUTE - 1, "1-5min"),
        (5 * MINUTE, "5-10min"),
        (10 * MINUTE, "10-20min"),
        (20 * MINUTE, "20-60min"),
        (60 * MINUTE - 1, "20-60min"),
        (60 * MINUTE, "20-60min"),
        (60 * MINUTE + 1, ">60min"),
        (2**53, ">60min"),
        (59_999.5, "<1min"),
    ],
)
def test_durations_fall_into_the_contracts_bins(duration_ms: float, label: str) -> None:
    assert duration_bin(duration_ms) == label


def test_the_other_bins_have_the_contracts_edges() -> None:
    assert [session_minutes_bin(one) for one in (0, 4.9, 5, 14, 15, 59, 60, 600)] == [
        "0-5", "0-5", "5-15", "5-15", "15-60", "15-60", "15-60", ">60",
    ]  # fmt: skip
    assert [count_bin(one) for one in (0, 1, 5, 6, 10, 11, 20, 21)] == [
        "0", "1-5", "1-5", "6-10", "6-10", "11-20", "11-20", ">20",
    ]  # fmt: skip
    sizes = (0, 49_999, 50_000, 100_000, 200_000, 499_999, 500_000)
    assert [size_bin(one) for one in sizes] == [
        "<50KB", "<50KB", "50-100KB", "100-200KB", "200-500KB", "200-500KB", "200-500KB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("2.17.2+local.dev.abc", "2.17.2"),
        ("v1.2", "1.2"),
        ("1.2.3.4", "1.2.3"),
        ("1.0.0-beta.1 built by anna", "1.0.0"),
        (" 7 ", "7"),
        ("anna's build", "other"),
        ("", "other"),
        ("٣.١", "other"),
        ("123456789.1", "12345"),
    ],
)
def test_a_version_keeps_its_first_three_numbers(text: str, plain: str) -> None:
    assert plain_version(text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("10.0.22631", "Windows 10/11"),
        ("Windows-10-10.0.19045-SP0", "Windows 10/11"),
        ("Windows 11 Pro", "Windows 10/11"),
        ("Windows_NT 10.0.22631", "Windows 10/11"),
        ("Windows 7", "Windows 7"),
        ("win32", "Windows 10/11"),
        ("macOS 13.4.1", "macOS 13.x"),
        ("Mac OS X 10.15.7", "macOS 10.x"),
        ("Darwin 22.5.0", "macOS 13.x"),
        ("Darwin 25.0.0", "macOS 26.x"),
        ("14.4.1", "macOS 14.x"),
        ("6.1.0-18-amd64", "Linux 6.x"),
        ("Linux 6.8.0-45-generic #1 SMP anna-laptop", "Linux 6.x"),
        ("Linux-5.15.0-x86_64-with-glibc2.35", "Linux 5.x"),
        ("Windows 10/11", "Windows 10/11"),
        ("Linux 6.x", "Linux 6.x"),
        ("macOS 13.x", "macOS 13.x"),
        ("BeOS", "other"),
        ("", "other"),
    ],
)
def test_a_system_is_named_by_its_family_and_major_version(text: str, plain: str) -> None:
    assert plain_os_version(text) == plain


@given(st.text(max_size=40))
def test_any_text_gives_a_version_of_a_closed_form_and_twice_the_same(text: str) -> None:
    version, system = plain_version(text), plain_os_version(text)
    assert version == "other" or set(version) <= set("0123456789.")
    assert system == "other" or system.split(" ")[0] in ("Windows", "macOS", "Linux")
    assert plain_version(version) == version
    assert plain_os_version(system) == system


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.text())
def test_hashes_differ_by_key_and_purpose_and_hold_for_any_text(
    key: bytes, other: bytes, text: str
) -> None:
    digest = keyed_hash(key, "workspace", text)
    assert len(digest) == 32
    assert digest == keyed_hash(key, "workspace", text)
    assert digest != keyed_hash(key, "machine", text)
    if key != other:
        assert digest != keyed_hash(other, "workspace", text)


def test_a_place_has_one_spelling_however_it_is_written() -> None:
    spellings = ["C:\\work\\app", "c:/work/app", "C:/work/app/", " c:\\work\\app\\ "]
    assert {normal_path(one) for one in spellings} == {"c:/work/app"}
    assert normal_path("file:///home/x/") == "/home/x"
    assert normal_path("/") == "/"
