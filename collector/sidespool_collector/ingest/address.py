"""Who is calling, without keeping it: addresses become keys that die with the day.

The salt is 16 random bytes in memory only, new every UTC day. It is not derived from a date and
a secret, because then an operator could compute it again, and four billion addresses are tried
in seconds. IPv6 counts by /64, the smallest block a household gets.
"""

import hashlib
import ipaddress
import secrets

from sidespool_collector.settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
DAY_S = 86_400


def parse_address(text: str) -> Address | None:
    """An address, IPv4-mapped IPv6 as IPv4; None for anything else."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def caller(peer: str, forwarded: list[str], trusted: tuple[Network, ...]) -> Address | None:
    """The caller's address: the last one in X-Forwarded-For that no trusted proxy has.

    The header is believed only as far as trusted proxies wrote it; without any it is ignored.
    """
    address = parse_address(peer)
    hops = [hop for line in forwarded for hop in line.split(",")]
    while address is not None and hops and any(address in network for network in trusted):
        hop = parse_address(hops.pop())
        if hop is None:
            break
        address = hop
    return address


class AddressKeys:
    """Addresses as salted hashes; the salt is replaced at midnight UTC."""

    def __init__(self) -> None:
        self._day = -1
        self._salt = b""

    def key(self, address: Address | None, now_s: float) -> bytes:
        """The key of an address for today."""
        day = int(now_s // DAY_S)
        if day != self._day:
            self._day, self._salt = day, secrets.token_bytes(16)
        raw = b"" if address is None else address.packed
        return hashlib.blake2b(
            raw[:8] if len(raw) == 16 else raw, key=self._salt, digest_size=8
        ).digest()
