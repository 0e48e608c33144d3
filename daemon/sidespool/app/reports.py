"""Error reports: built, shown first where asked, stored like any event, listed for their author."""

import asyncio
import platform
import time
from collections.abc import Callable
from typing import Any

import msgspec

from sidespool.app.machine import os_family
from sidespool.app.storage import Storage
from sidespool.core.error_report import (
    OwnReport,
    ReportList,
    Said,
    Surroundings,
    build_report,
    decode_reports,
    encode_reports,
    problem_of,
)
from sidespool.runtime.ids import new_uuid, now_ms
from sidespool.runtime.intake import Intake
from sidespool.runtime.log import LOGGER
from sidespool.runtime.operations import Reply, error, result
from sidespool.runtime.record_file import load_file
from sidespool.wire import frame as wire
from sidespool.wire.event import format_time
from sidespool.wire.outcome import Rejection


class Reports:
    """`policy_version()` names what the user agreed to last."""

    def __init__(
        self, storage: Storage, intake: Intake, app_version: str, policy_version: Callable[[], str]
    ) -> None:
        self._storage = storage
        self._intake = intake
        self._app_version = app_version
        self._policy_version = policy_version
        self._began = time.monotonic()

    async def report(self, frame: wire.Report) -> Reply:
        """Shows or stores a report; the answer has the event as it is stored, to the byte."""
        said = msgspec.convert(msgspec.to_builtins(frame), Said)
        problem = problem_of(said)
        if problem:
            return error(frame.id, "invalid_value", problem)
        report_id, at = new_uuid(), format_time(now_ms())
        payload = build_report(said, self._surroundings(report_id, at), self._key())
        raw = _event(report_id, at, payload)
        shown = self._intake.preview([raw])
        if shown.rejected:
            refused = shown.rejected[0]
            return error(frame.id, refused.reason, refused.detail)
        line = msgspec.Raw(shown.chunks[0].lines.rstrip(b"\n"))
        if not frame.preview:
            refused_now = await self._emit(raw)
            if refused_now is not None:
                return error(frame.id, refused_now.reason, refused_now.detail)
            own = OwnReport(report_id, at, said.automatic, bool(said.include_description), line)
            await self._storage.spooler.call_and_forget(lambda: self._list(own))
        told = {"report_id": report_id, "stored": not frame.preview, "event": line}
        return result(frame.id, told)

    def _key(self) -> bytes:
        return self._storage.install.key_bytes

    def _surroundings(self, report_id: str, at: str) -> Surroundings:
        return Surroundings(
            report_id=report_id,
            timestamp=at,
            app_version=self._app_version,
            os_type=os_family(),
            os_version=_os_version(),
            session_minutes=(time.monotonic() - self._began) / 60,
            opt_in_version=self._policy_version(),
        )

    async def _emit(self, raw: msgspec.Raw) -> Rejection | None:
        done: asyncio.Future[list[Rejection]] = asyncio.get_running_loop().create_future()
        self._intake.emit_raw([raw], None, lambda _, rejected: done.set_result(rejected))
        rejected = await done
        return rejected[0] if rejected else None

    def _list(self, own: OwnReport) -> None:
        reports = self._read()
        reports.add(own)
        path = self._storage.paths.reports_file
        self._storage.disk.write_atomic(path, encode_reports(reports))

    def _read(self) -> ReportList:
        path = self._storage.paths.reports_file
        found, _ = load_file(self._storage.disk, path, decode_reports, LOGGER.warning)
        return found or ReportList()

    async def listed(self) -> dict[str, Any]:
        """One's own reports, newest first."""
        found: ReportList = await self._storage.spooler.call(self._read)
        return {"reports": list(reversed(found.reports))}


def _event(report_id: str, at: str, payload: dict[str, Any]) -> msgspec.Raw:
    event = {
        "event_type": "ErrorReport",
        "event_id": report_id,
        "timestamp": at,
        "payload": payload,
    }
    return msgspec.Raw(msgspec.json.encode(event))


def _os_version() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if platform.system() == "Windows":
        return f"Windows {platform.version()}"
    return f"{platform.system()} {platform.release()}"
