"""The builder of error reports: arranged as the contract says, words hashed unless included."""

import msgspec

from sidespool.core.error_report import (
    LISTED_MAX,
    OwnReport,
    ReportList,
    Said,
    Surroundings,
    build_report,
    decode_reports,
    encode_reports,
    problem_of,
)
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.validate import Validator

ABOUT = Surroundings(
    report_id="r1", timestamp="2026-01-02T03:04:05.000Z", app_version="1.2.3", os_type="linux",
    os_version="Linux 6.1", session_minutes=7.0, opt_in_version="v3",
)  # fmt: skip
KEY = b"k" * 32


def test_a_report_has_the_form_that_the_contract_names() -> None:
    said = Said(
        error_type="TypeError", message="x is undefined", stack_trace="  at a (b.ts:1:2)\n\n  at c",
        source="chat", mode="code", tool="read_file", mcp_server="files", mcp_tool="read",
    )  # fmt: skip
    payload = build_report(said, ABOUT, KEY)
    assert payload == {
        "report_id": "r1",
        "timestamp_utc": "2026-01-02T03:04:05.000Z",
        "app_version": "1.2.3",
        "os_type": "linux",
        "os_version": "Linux 6.1",
        "active_mode_slug": "code",
        "error_details": {
            "error_type": "TypeError",
            "error_message_template": "x is undefined",
            "anonymized_stack_trace": ["at a (b.ts:1:2)", "at c"],
            "error_source": "chat",
        },
        "context_metadata": {
            "active_tool_used": "read_file",
            "mcp_server_name": "files",
            "mcp_tool_name": "read",
            "session_duration_approx_minutes": "5-15",
        },
        "opt_in_version": "v3",
    }
    event = {"event_type": "ErrorReport", "payload": payload}
    Validator(builtin_catalog()).event_decoder.decode(msgspec.json.encode(event))


def test_words_leave_as_a_hash_and_as_words_only_where_they_were_included() -> None:
    words = "it broke when I opened my tax file"
    hashed = build_report(Said(description=words), ABOUT, KEY)
    assert words not in str(hashed)
    assert len(hashed["user_description_hash"]) == 32
    included = build_report(Said(description=words, include_description=True), ABOUT, KEY)
    assert included["user_description"] == words


def test_the_hash_groups_equal_words_of_one_installation_and_compares_with_no_other() -> None:
    one = build_report(Said(description="it  broke"), ABOUT, KEY)["user_description_hash"]
    same = build_report(Said(description=" it broke "), ABOUT, KEY)["user_description_hash"]
    other = build_report(Said(description="it broke"), ABOUT, b"o" * 32)["user_description_hash"]
    assert one == same != other


def test_an_empty_report_is_none() -> None:
    assert problem_of(Said(mode="code"))
    assert not problem_of(Said(description="it broke"))


def test_the_list_of_ones_own_reports_is_bounded_and_survives_the_disk() -> None:
    reports = ReportList()
    for n in range(LISTED_MAX + 5):
        reports.add(OwnReport(f"r{n}", "2026", False, False, msgspec.Raw(b"{}")))
        reports.add(OwnReport(f"r{n}", "2026", False, False, msgspec.Raw(b"{}")))
    assert len(reports.reports) == LISTED_MAX
    again = decode_reports(encode_reports(reports))
    assert again is not None
    assert [one.report_id for one in again.reports][-1] == f"r{LISTED_MAX + 4}"
    assert decode_reports(b"{") is None
