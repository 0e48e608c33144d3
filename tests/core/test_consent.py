"""The effective level as a minimum over layers, checked against the contract's own words."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.consent import (
    AppSettings,
    ConsentBook,
    ConsentRecord,
    Inputs,
    Policy,
    decide,
    decode_consent,
    encode_consent,
)
from sidespool.wire.level import Level

LEVELS = st.sampled_from(list(Level))
MAYBE = st.none() | st.booleans()
RECORDS = st.builds(
    ConsentRecord,
    decision=st.sampled_from(["granted", "denied"]),
    at=st.just("2026-01-02T03:04:05.678Z"),
    level=st.sampled_from([*(level.label for level in Level), "nonsense"]),
    policy_version=st.sampled_from(["", "1", "2"]),
    door=st.just("test"),
)
INPUTS = st.builds(
    Inputs,
    app=st.builds(AppSettings, enabled=MAYBE, full_content=MAYBE, level=LEVELS),
    administrator=st.builds(Policy, st.none() | LEVELS),
    do_not_track=st.booleans(),
    feature=st.booleans(),
    model=st.sampled_from(["opt_out", "opt_in"]),
    record=st.none() | RECORDS,
    policy_version=st.sampled_from(["", "1", "2"]),
    vault_problem=st.sampled_from(["", "no keychain"]),
)


def ceiling(app: AppSettings) -> Level:
    """The app's settings, in the words of docs/settings.md."""
    if app.enabled is False:
        return Level.OFF
    if app.full_content is True and app.level >= Level.USAGE:
        return Level.FULL
    if app.full_content is False and app.level is Level.FULL:
        return Level.USAGE
    return app.level


def consent(inputs: Inputs) -> Level:
    """The user's word, in the words of the contract."""
    record = inputs.record
    if record is None:
        return Level.OFF if inputs.model == "opt_in" else Level.FULL
    if record.decision == "denied":
        return Level.OFF
    stale = bool(inputs.policy_version) and record.policy_version != inputs.policy_version
    if stale and inputs.model == "opt_in":
        return Level.OFF
    return next((level for level in Level if level.label == record.level), Level.OFF)


def expected(inputs: Inputs) -> Level:
    layers = [
        Level.FULL if inputs.administrator.level is None else inputs.administrator.level,
        Level.OFF if inputs.do_not_track else Level.FULL,
        Level.FULL if inputs.feature else Level.OFF,
        ceiling(inputs.app),
        consent(inputs),
    ]
    return min(layers)


@given(INPUTS)
def test_the_consented_level_is_the_minimum_over_all_layers(inputs: Inputs) -> None:
    assert decide(inputs).consented is expected(inputs)


@given(INPUTS)
def test_without_encryption_full_content_is_not_taken_in(inputs: Inputs) -> None:
    verdict = decide(inputs)
    closed = verdict.consented is Level.FULL and inputs.vault_problem
    assert verdict.level is (Level.USAGE if closed else verdict.consented)


@given(INPUTS)
def test_the_layer_that_decided_says_the_level_and_no_other_says_less(inputs: Inputs) -> None:
    verdict = decide(inputs)
    by_name = {say.layer: say for say in verdict.layers}
    assert by_name[verdict.decided_by].level is verdict.level
    assert all(say.level >= verdict.level for say in verdict.layers)
    assert verdict.because == by_name[verdict.decided_by].because


@given(INPUTS, LEVELS)
def test_an_administrator_only_lowers(inputs: Inputs, allowed: Level) -> None:
    free = msgspec.structs.replace(inputs, administrator=Policy(None))
    held = msgspec.structs.replace(inputs, administrator=Policy(allowed))
    assert decide(held).consented == min(decide(free).consented, allowed)


@given(INPUTS)
def test_nothing_overrides_do_not_track(inputs: Inputs) -> None:
    assert decide(msgspec.structs.replace(inputs, do_not_track=True)).level is Level.OFF


@pytest.mark.parametrize(
    ("app", "level"),
    [
        (AppSettings(), Level.USAGE),
        (AppSettings(full_content=True), Level.FULL),
        (AppSettings(level=Level.FULL), Level.FULL),
        (AppSettings(full_content=False, level=Level.FULL), Level.USAGE),
        (AppSettings(full_content=True, level=Level.ERROR), Level.ERROR),
        (AppSettings(enabled=True, level=Level.CRASH), Level.CRASH),
        (AppSettings(enabled=False, full_content=True), Level.OFF),
    ],
)
def test_the_apps_switches_make_one_ceiling(app: AppSettings, level: Level) -> None:
    assert decide(Inputs(app=app)).level is level


@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_a_book_of_decisions_is_read_as_it_was_written(records: list[ConsentRecord]) -> None:
    book = ConsentBook(records)
    assert decode_consent(encode_consent(book)) == book
    assert book.current == records[-1]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_book_with_a_decision_or_none(raw: bytes) -> None:
    book = decode_consent(raw)
    assert book is None or book.current is not None
