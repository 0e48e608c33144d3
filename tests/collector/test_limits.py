"""Buckets, addresses and admission: pure parts that keep a collector from being hurt."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool_collector.ingest.address import AddressKeys, caller, parse_address
from sidespool_collector.ingest.admission import Admission, OverloadedError
from sidespool_collector.ingest.bucket import Buckets

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = Buckets(per_s=2, burst=3)
    assert [buckets.take(b"a", 1, 0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take(b"a", 1, 0) == pytest.approx(0.5)
    assert buckets.take(b"b", 1, 0) == 0
    assert buckets.take(b"a", 1, 0.5) == 0


def test_a_request_larger_than_the_bucket_passes_when_it_is_full_and_leaves_a_debt() -> None:
    buckets = Buckets(per_s=1, burst=10)
    assert buckets.take(b"a", 50, 0) == 0
    assert buckets.take(b"a", 1, 0) == pytest.approx(41)
    assert buckets.take(b"a", 1, 41.01) == 0


def test_no_rate_means_no_limit() -> None:
    assert Buckets(0, 0).take(b"a", 1e9, 0) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 5)), max_size=60))
def test_no_key_ever_gets_more_than_burst_and_rate(takes: list[tuple[int, float]]) -> None:
    buckets = Buckets(per_s=2, burst=5)
    now, taken, largest = 0.0, 0, 0
    for n, pause in takes:
        now += pause
        if buckets.take(b"k", n, now) == 0:
            taken += n
            largest = max(largest, n)
    assert taken <= 5 + 2 * now + largest + 1e-6


def test_a_flood_of_keys_does_not_grow_memory() -> None:
    buckets = Buckets(per_s=0.001, burst=1, keys_max=100)
    for n in range(1000):
        buckets.take(str(n).encode(), 1, n)
    assert len(buckets._levels) <= 100


def test_a_day_has_one_key_for_an_address_and_the_next_another() -> None:
    keys = AddressKeys()
    address = parse_address("203.0.113.9")
    today = keys.key(address, 86_400 * 20_000)
    assert keys.key(address, 86_400 * 20_000 + 80_000) == today
    assert keys.key(parse_address("203.0.113.8"), 86_400 * 20_000) != today
    assert keys.key(address, 86_400 * 20_001) != today
    assert address is not None
    assert address.packed not in today


def test_a_household_of_ipv6_is_one_caller() -> None:
    keys = AddressKeys()
    one, two = parse_address("2001:db8:1:2::1"), parse_address("2001:db8:1:2:ffff::9")
    assert keys.key(one, 0) == keys.key(two, 0)
    assert keys.key(parse_address("2001:db8:1:3::1"), 0) != keys.key(one, 0)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("::1", ["nonsense"], "::1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
    ],
)
def test_forwarded_addresses_are_believed_as_far_as_trusted_proxies_wrote_them(
    peer: str, forwarded: list[str], expected: str
) -> None:
    assert caller(peer, forwarded, PROXIES) == ipaddress.ip_address(expected)


def test_too_many_requests_or_bytes_are_refused_and_given_back() -> None:
    admission = Admission(bytes_max=100, requests_max=2)
    with admission.share() as one:
        one.grow(80)
        with admission.share() as two:
            with pytest.raises(OverloadedError):
                two.grow(30)
            with pytest.raises(OverloadedError), admission.share():
                pass
        one.grow(500)  # alone it may: its own limits hold it
    assert (admission.bytes, admission.requests) == (0, 0)
