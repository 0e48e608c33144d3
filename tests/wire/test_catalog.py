"""The catalog as values: levels in order, the compiled form, and reading from TOML."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.errors import CatalogError
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog, decode_catalog, encode_catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.level import LEVEL_BY_LABEL, Level
from sidespool.wire.outcome import DropReason, Reason

CONTRACT = {
    "SessionStart": "app_version os os_version arch install_method host",
    "SessionEnd": "duration_ms proposals_created proposals_approved reason",
    "WorkspaceSelected": "workspace_hash is_git_repo",
    "ChatTurn": "prompt_length response_length model latency_ms token_count",
    "ToolCall": "tool_name duration_ms success error_type",
    "ProposalCreated": "proposal_id file_count total_lines_changed operation",
    "ProposalDecision": "proposal_id decision review_duration_ms files_approved",
    "Error": "error_type message stack_trace context",
    "ErrorReport": "report_id timestamp_utc app_version os_type os_version active_mode_slug "
    "error_details context_metadata user_description_hash opt_in_version",
    "Crash": "process reason exit_code",
    "UsageSummary": "period_start period_end",
    "ClientReport": "",
    "ChatTurnFull": "prompt response",
    "ProposalDiff": "proposal_id diff",
    "FileSnapshot": "proposal_id path_hash before after",
}
LEVELS = {
    "Error": "error", "ErrorReport": "error", "Crash": "crash",
    "ChatTurnFull": "full", "ProposalDiff": "full", "FileSnapshot": "full",
}  # fmt: skip


def test_levels_are_ordered_and_each_has_a_word() -> None:
    assert sorted(Level) == [Level.OFF, Level.CRASH, Level.ERROR, Level.USAGE, Level.FULL]
    assert list(LEVEL_BY_LABEL) == ["off", "crash", "error", "usage", "full"]
    assert all(LEVEL_BY_LABEL[level.label] is level for level in Level)


def test_reasons_are_words_that_do_not_change() -> None:
    assert list(Reason) == [
        "unknown_event", "unknown_field", "invalid_value", "too_large", "level_too_low",
        "consent_off", "rate_limited", "spool_full", "malformed",
    ]  # fmt: skip
    assert len({*Reason, *DropReason}) == len(Reason) + len(DropReason)


def test_the_built_in_catalog_is_the_public_contracts() -> None:
    events = builtin_catalog().events
    assert list(events) == list(CONTRACT)
    for name, fields in CONTRACT.items():
        assert set(fields.split()) <= set(events[name].fields)
        assert events[name].level_label == LEVELS.get(name, "usage")
        assert not any(field.required for field in events[name].fields.values())


def test_the_compiled_form_reads_back_the_same() -> None:
    catalog = builtin_catalog()
    assert decode_catalog(encode_catalog(catalog)) == catalog


@given(st.binary(max_size=60))
def test_any_bytes_are_a_compiled_catalog_or_a_decode_error(raw: bytes) -> None:
    try:
        assert isinstance(decode_catalog(raw), Catalog)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return


def test_an_apps_catalog_cannot_redefine_a_built_in_event() -> None:
    builtin = builtin_catalog()
    chat = builtin.events["ChatTurn"]
    own = Catalog(events={"ChatTurn": msgspec.structs.replace(chat, owner="x"), "Own": chat})
    whole = builtin.extended(own)
    assert whole.events["ChatTurn"] is chat
    assert "Own" in whole.events


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("= 1", "not TOML"),
        ("x = 1", "no [events.NAME] table"),
        ("events.X = 1", "events.X is not a table"),
        ("[events.X]\nfields = 1", "events.X.fields is not a table"),
        ("[events.X]\nlevel = 1", "Expected `str`, got `int`"),
        ("[events.X.fields]\ny = 1", "events.X.fields.y is not a table"),
        ("[events.X.fields.y]\nkind = [1]", "events.X.fields.y"),
        ("x = 1" + "0" * 5000, "not TOML"),
    ],
)
def test_a_text_that_is_no_catalog_is_an_error_that_says_why(text: str, problem: str) -> None:
    with pytest.raises(CatalogError, match="catalog") as caught:
        parse_catalog(text)
    assert problem in caught.value.problems[0]
