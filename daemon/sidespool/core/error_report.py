"""Builds an ErrorReport from what a person or an application says about one error.

The builder only arranges: scrubbing, templates, bins of versions are the treatment that every
event gets. The user's own words become a keyed hash, which tells the makers that two reports say
the same and nothing else; the words themselves go along only where the user included them, and
then through the scrubber like any text.
"""

from typing import Any

import msgspec

from sidespool.core.minimise import keyed_hash, session_minutes_bin

FRAMES_MAX = 64
LISTED_MAX = 100  # one's own reports; the oldest go first


class Said(msgspec.Struct, frozen=True):
    """What the reporter knows; everything may be missing."""

    error_type: str = ""
    message: str = ""
    stack_trace: str = ""
    source: str = ""
    mode: str = ""
    tool: str = ""
    mcp_server: str = ""
    mcp_tool: str = ""
    description: str = ""
    include_description: bool = False
    automatic: bool = False


class Surroundings(msgspec.Struct, frozen=True):
    """What the daemon knows; `session_minutes` since the session began."""

    report_id: str
    timestamp: str
    app_version: str
    os_type: str
    os_version: str
    session_minutes: float
    opt_in_version: str


class OwnReport(msgspec.Struct):
    """One line of the local list: the report as it was stored, to the byte."""

    report_id: str
    at: str
    automatic: bool
    included_description: bool
    event: msgspec.Raw


class ReportList(msgspec.Struct):
    """What is written to `reports.json`, oldest first."""

    reports: list[OwnReport] = []

    def add(self, report: OwnReport) -> None:
        """One more; safe to repeat."""
        self.reports = [one for one in self.reports if one.report_id != report.report_id]
        self.reports.append(report)
        del self.reports[:-LISTED_MAX]


def problem_of(said: Said) -> str:
    """Why there is nothing to report, or ""."""
    if not (said.error_type or said.message or said.stack_trace or said.description.strip()):
        return "a report needs an error or a description"
    return ""


def build_report(said: Said, about: Surroundings, key: bytes) -> dict[str, Any]:
    """The payload, before treatment; what is not known is left out."""
    frames = [line.strip() for line in said.stack_trace.splitlines() if line.strip()]
    payload: dict[str, Any] = {
        "report_id": about.report_id,
        "timestamp_utc": about.timestamp,
        "app_version": about.app_version,
        "os_type": about.os_type,
        "os_version": about.os_version,
        "active_mode_slug": said.mode,
        "error_details": _known(
            error_type=said.error_type,
            error_message_template=said.message,
            anonymized_stack_trace=frames[:FRAMES_MAX],
            error_source=said.source,
        ),
        "context_metadata": _known(
            active_tool_used=said.tool,
            mcp_server_name=said.mcp_server,
            mcp_tool_name=said.mcp_tool,
            session_duration_approx_minutes=session_minutes_bin(about.session_minutes),
        ),
        "opt_in_version": about.opt_in_version,
    }
    words = " ".join(said.description.split())
    if words:
        payload["user_description_hash"] = keyed_hash(key, "description", words)
        if said.include_description:
            payload["user_description"] = said.description.strip()
    return _known(**payload)


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def encode_reports(reports: ReportList) -> bytes:
    """The bytes of `reports.json`."""
    return msgspec.json.encode(reports)


def decode_reports(raw: bytes) -> ReportList | None:
    """The list, or None for bytes that are none."""
    try:
        return msgspec.json.decode(raw, type=ReportList)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
