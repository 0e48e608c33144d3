"""Keeps the books of the demo: what was emitted, acknowledged, stored, and what leaked."""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec


class Ledger(msgspec.Struct):
    """Ids by fate; `past` are those of the simulated installs, which no daemon acknowledged."""

    emitted: int = 0
    acknowledged: set[str] = set()
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    past: set[str] = set()
    past_answered: int = 0
    uploaded: int = 0
    resent: int = 0

    def on_answer(self, acknowledged: Iterable[str], rejected: Iterable[str]) -> None:
        """A frame was answered."""
        self.acknowledged.update(acknowledged)
        self.rejected.update(rejected)


class Comparison(msgspec.Struct, frozen=True):
    """The books against the collector's database; `made_by_daemon` are its own reports."""

    stored: int
    stored_past: int
    made_by_daemon: int
    lost: list[str]
    doubled: list[str]


def compare(ledger: Ledger, stored_ids: list[str]) -> Comparison:
    """Every id that was acknowledged or answered must be stored, once."""
    counted = Counter(stored_ids)
    promised = ledger.acknowledged | ledger.past
    return Comparison(
        stored=sum(name in counted for name in ledger.acknowledged),
        stored_past=sum(name in counted for name in ledger.past),
        made_by_daemon=sum(name not in promised for name in counted),
        lost=sorted(name for name in promised if name not in counted),
        doubled=sorted(name for name, times in counted.items() if times > 1),
    )


class Search(msgspec.Struct, frozen=True):
    """A search for canaries; `found` names each with a file it stands in."""

    canaries: int
    files: int
    size_bytes: int
    found: list[str]


def search_files(folders: list[Path], canaries: list[str]) -> Search:
    """Looks for every canary, in any case, in every byte of every file; gzip is opened first."""
    wanted = [(text, text.lower().encode()) for text in canaries]
    found: list[str] = []
    files = size = 0
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            content = _unpacked(path).lower()
            files += 1
            size += len(content)
            found += [f"{text} in {path.name}" for text, raw in wanted if raw in content]
    return Search(len(wanted), files, size, found)


def _unpacked(path: Path) -> bytes:
    """The file's bytes, and behind them what they unpack to."""
    try:
        raw = path.read_bytes()
    except OSError:
        return b""
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return raw + gzip.decompress(raw)
    except EOFError:
        # An active segment has no end yet; what is there can be read all the same.
        return raw + zlib.decompressobj(31).decompress(raw)
    except (OSError, zlib.error):
        return raw
