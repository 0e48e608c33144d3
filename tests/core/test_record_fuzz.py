"""Any bytes give a value; no bytes give an event that was not written, or one out of order."""

import random

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidespool.core.consent import ConsentBook, ConsentRecord, decode_consent, encode_consent
from sidespool.core.record import (
    HEADER_BYTES,
    commits_behind,
    header,
    is_whole,
    parse_header,
    parse_name,
    parse_sealed,
    read_lines,
    recover,
)
from sidespool.core.succession import derived_id, unfinished
from sidespool.core.tally import Counts, Frozen, Tally, decode_tally, encode_tally, report_payload
from sidespool.core.withdrawal import Withdrawal, decode_withdrawal, encode_withdrawal
from sidespool.runtime.identity import decode_install, fresh_install
from sidespool.runtime.record_file import State, decode_state
from sidespool.wire.level import Level
from sidespool.wire.outcome import DropReason
from support.segment_bytes import SPOILERS, active, sealed, spoil

COMMITS = st.lists(st.integers(1, 30), min_size=1, max_size=12)
SPOILS = st.lists(st.sampled_from(SPOILERS), min_size=1, max_size=3)
SEEDS = st.integers(0, 2**32)
HEADS = st.sampled_from([b"", header(), header(3, 200), header()[:20]])


@settings(max_examples=300, deadline=None)
@given(HEADS, st.binary(max_size=4_000))
def test_any_bytes_recover_to_something_or_nothing(head: bytes, tail: bytes) -> None:
    raw = head + tail
    whole = recover(raw)
    lines = read_lines(raw)
    assert (whole is None) == (not lines)
    assert is_whole(raw) in (True, False)
    assert commits_behind(raw, whole.valid_bytes if whole else 0) >= 0
    parse_header(raw)
    parse_sealed(raw[:HEADER_BYTES], raw[-4:])


@settings(max_examples=400, deadline=None)
@given(COMMITS, SPOILS, SEEDS)
def test_a_spoilt_active_segment_yields_whole_commits_from_its_start(
    commits: list[int], spoils: list[str], seed: int
) -> None:
    raw, ends, lines = active(commits)
    dice = random.Random(seed)
    spoilt = raw
    for how in spoils:
        spoilt = spoil(spoilt, how, dice)
    got = read_lines(spoilt)
    sizes = [sum(commits[:n]) for n in range(len(commits) + 1)]
    assert len(got) in sizes
    assert got == lines[: len(got)]
    untouched = next(
        (n for n, (a, b) in enumerate(zip(raw, spoilt, strict=False)) if a != b),
        min(len(raw), len(spoilt)),
    )
    kept = sum(end <= untouched for end in ends) if untouched >= HEADER_BYTES else 0
    assert len(got) >= sizes[kept], "what stands before the first altered byte stays"


@settings(max_examples=300, deadline=None)
@given(COMMITS, SPOILS, SEEDS)
def test_a_spoilt_sealed_segment_is_never_taken_for_whole(
    commits: list[int], spoils: list[str], seed: int
) -> None:
    raw, _, lines = sealed(commits)
    dice = random.Random(seed)
    spoilt = raw
    for how in spoils:
        spoilt = spoil(spoilt, how, dice)
    got = read_lines(spoilt)
    assert got == lines[: len(got)]
    assert is_whole(spoilt) == (spoilt == raw)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
@example("0199c82c-c000-7300-8000-000000000000.v1.sealed.v1.sealed")
def test_any_name_is_parsed_or_refused(name: str) -> None:
    parsed = parse_name(name)
    assert parsed is None or 0 <= parsed.version < 10_000
    assert set(unfinished([name, name + ".tmp"])) <= {name, name + ".tmp"}


def full_tally() -> Tally:
    tally = Tally(Counts(since_ms=1_760_000_000_000))
    tally.on_accepted(7)
    batch_id = "0199c82c-c000-7300-8000-000000000001"
    tally.begin("quarantine", [batch_id], DropReason.CORRUPT, 3)
    tally.freeze("0199c82c-c000-7300-8000-000000000002", 1_760_000_100_000)
    tally.on_dropped(DropReason.SPOOL_AGE, 2)
    return tally


WITHDRAWAL = Withdrawal("error", ["0199c82c-c000-7300-8000-000000000001"])
CONSENT = ConsentBook(
    [
        ConsentRecord("granted", "2026-01-01T00:00:00.000Z", "crash", "1", "renderer"),
        ConsentRecord("denied", "2026-02-01T00:00:00.000Z", "off", "1", "cli"),
    ]
)
FILES = st.sampled_from(
    [
        encode_tally(full_tally()),
        encode_withdrawal(WITHDRAWAL),
        encode_consent(CONSENT),
        msgspec.json.encode(State(200_001)),
        msgspec.json.encode(fresh_install()),
    ]
)
ANY = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=50).map(lambda text: msgspec.json.encode({text: text})),
    st.integers(1, 200_000).map(lambda depth: b"[" * depth),
)


def decode_all(raw: bytes) -> None:
    tally = decode_tally(raw)
    if tally is not None:
        frozen = tally.frozen or Frozen("0" * 36, tally.counts.since_ms, tally.counts)
        assert report_payload(frozen)["period_end"].endswith("Z")
        assert decode_tally(encode_tally(tally)) == tally
    state = decode_state(raw)
    assert state is None or 1 <= state.next_seq <= 2**53
    install = decode_install(raw)
    assert install is None or len(install.key_bytes) == 32
    consent = decode_consent(raw)
    assert consent is None or consent.current is not None
    decode_withdrawal(raw)


@settings(max_examples=300, deadline=None)
@given(ANY)
def test_any_bytes_decode_to_a_state_file_or_to_none(raw: bytes) -> None:
    decode_all(raw)


@settings(max_examples=500, deadline=None)
@given(FILES, SPOILS, SEEDS)
def test_a_spoilt_state_file_is_decoded_to_something_usable_or_to_none(
    raw: bytes, spoils: list[str], seed: int
) -> None:
    dice = random.Random(seed)
    for how in spoils:
        raw = spoil(raw, how, dice)
    decode_all(raw)


def test_one_flipped_bit_never_turns_a_no_into_a_yes() -> None:
    raw = encode_consent(CONSENT)
    for offset in range(len(raw)):
        for bit in range(8):
            spoilt = raw[:offset] + bytes([raw[offset] ^ 1 << bit]) + raw[offset + 1 :]
            book = decode_consent(spoilt)
            assert book is None or book.records[-1].decision == "denied"


def test_a_consent_file_without_a_decision_is_damaged_and_no_clean_slate() -> None:
    for raw in (b"{}", b'{"records":[]}', b'{"recordz":[{"decision":"denied","at":"x"}]}'):
        assert decode_consent(raw) is None


@given(SEEDS)
def test_a_derived_id_keeps_time_and_level_and_is_another(seed: int) -> None:
    dice = random.Random(seed)
    text = f"{dice.getrandbits(128):032x}"
    origin = f"{text[:8]}-{text[8:12]}-7{int(Level.USAGE)}{text[14:16]}-8{text[17:20]}-{text[20:]}"
    made = {derived_id(origin, role) for role in ("first half", "second half", "saved")}
    assert len(made) == 3
    assert origin not in made
    assert all(one[:19] == origin[:19] and one[19] in "89ab" for one in made)
    assert all(parse_name(f"{one}.v1.sealed") is not None for one in made)
