"""The exporters that stay on the machine, several at once, and who makes them."""

import io
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sidespool.core.upload_policy import READ_BYTES
from sidespool.errors import ConfigError
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.factory import ExportSettings, needs_endpoint, open_exporter
from sidespool.runtime.exporters.file import FileExporter
from sidespool.runtime.exporters.http import HttpExporter
from sidespool.runtime.exporters.none import NoneExporter
from sidespool.runtime.exporters.stdout import StdoutExporter
from sidespool.runtime.exporters.tee import TeeExporter
from sidespool.wire.upload import Backoff, BackoffCause, Delivered, Refused, TooLarge
from support.upload_world import ScriptedExporter, make_batch


def ids(lines: bytes) -> list[str]:
    return [msgspec.json.decode(line)["event_id"] for line in lines.splitlines()]


async def test_the_file_exporter_appends_lines_for_its_owner_only(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "events.ndjson"
    exporter = FileExporter(target)
    for name in ("a", "b"):
        assert isinstance(await exporter.send(make_batch(tmp_path, name, 2)), Delivered)
    assert ids(target.read_bytes()) == ["a-0", "a-1", "b-0", "b-1"]
    if sys.platform != "win32":
        assert target.stat().st_mode & 0o777 == 0o600


async def test_a_damaged_batch_leaves_no_half_line_in_the_file(tmp_path: Path) -> None:
    target = tmp_path / "events.ndjson"
    exporter = FileExporter(target)
    await exporter.send(make_batch(tmp_path, "a", 2))
    before = target.read_bytes()
    torn = make_batch(tmp_path, "b", 50, text="x" * READ_BYTES)
    torn.path.write_bytes(torn.path.read_bytes()[:-20])
    assert isinstance(await exporter.send(torn), Refused)
    junk = make_batch(tmp_path, "c")
    junk.path.write_bytes(b"not gzip at all")
    assert isinstance(await exporter.send(junk), Refused)
    assert target.read_bytes() == before


UNWRITABLE = {Path(__file__).parent: "directory|denied"}
if (FULL := Path("/dev/full")).exists():
    UNWRITABLE[FULL] = "No space left"


@pytest.mark.parametrize("target", UNWRITABLE)
async def test_a_disk_that_refuses_is_an_os_error_for_the_uploader(
    tmp_path: Path, target: Path
) -> None:
    with pytest.raises(OSError, match=UNWRITABLE[target]):
        await FileExporter(target).send(make_batch(tmp_path, "a"))


async def test_the_stdout_exporter_writes_whole_lines(tmp_path: Path) -> None:
    stream = io.BytesIO()
    exporter = StdoutExporter(stream)
    assert isinstance(await exporter.send(make_batch(tmp_path, "a", 3)), Delivered)
    await exporter.aclose()
    assert ids(stream.getvalue()) == ["a-0", "a-1", "a-2"]


async def test_the_none_exporter_takes_everything(tmp_path: Path) -> None:
    answer = await NoneExporter().send(make_batch(tmp_path, "a", 7))
    assert isinstance(answer, Delivered)
    assert answer.answer.total == 7


async def test_a_tee_offers_a_batch_again_only_to_those_who_do_not_have_it(tmp_path: Path) -> None:
    one, two, three = ScriptedExporter(), ScriptedExporter(), ScriptedExporter()
    two.answers = [Backoff("500"), PermissionError(13, "Permission denied")]
    tee = TeeExporter([one, two, three])
    batch = make_batch(tmp_path, "a")
    assert await tee.send(batch) == Backoff("500")
    assert await tee.send(batch) == Backoff("Permission denied", BackoffCause.FILE)
    assert isinstance(await tee.send(batch), Delivered)
    assert [len(each.sent) for each in (one, two, three)] == [1, 3, 1]


async def test_a_tee_halves_for_all_what_is_too_large_for_one(tmp_path: Path) -> None:
    one, two = ScriptedExporter(), ScriptedExporter([TooLarge()])
    tee = TeeExporter([one, two])
    assert await tee.send(make_batch(tmp_path, "a")) == TooLarge()


async def test_a_tee_passes_on_a_missing_file_an_abort_and_a_close(tmp_path: Path) -> None:
    one, two = ScriptedExporter([FileNotFoundError()]), ScriptedExporter()
    tee = TeeExporter([one, two])
    with pytest.raises(FileNotFoundError):
        await tee.send(make_batch(tmp_path, "a"))
    tee.abort()
    await tee.aclose()
    assert [(each.aborted, each.closed) for each in (one, two)] == [(1, 1), (1, 1)]


def settings_for(
    tmp_path: Path, *names: str, endpoint: str | None = "http://127.0.0.1:9"
) -> ExportSettings:
    return ExportSettings(
        names=names, endpoint=endpoint, data_dir=tmp_path, token=CollectorToken(configured="t")
    )


def test_the_setting_names_the_exporters(tmp_path: Path) -> None:
    assert isinstance(open_exporter(settings_for(tmp_path, "http")), HttpExporter)
    assert isinstance(open_exporter(settings_for(tmp_path, "file")), FileExporter)
    assert isinstance(open_exporter(settings_for(tmp_path, "stdout")), StdoutExporter)
    assert isinstance(open_exporter(settings_for(tmp_path, "none", "none")), NoneExporter)
    assert isinstance(open_exporter(settings_for(tmp_path, "http", "file")), TeeExporter)
    assert needs_endpoint(("file", "http"))
    assert not needs_endpoint(("file", "stdout"))


@pytest.mark.parametrize("names", [("htp",), (), ("http", "")])
def test_an_unknown_exporter_is_a_clear_error(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"TELEMETRY_EXPORTER.*Choose from"):
        open_exporter(settings_for(tmp_path, *names))


def test_an_endpoint_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TELEMETRY_ENDPOINT"):
        open_exporter(settings_for(tmp_path, "http", endpoint="http://t.example"))


async def test_the_file_exporter_writes_where_a_file_endpoint_says(tmp_path: Path) -> None:
    target = tmp_path / "with space" / "out.ndjson"
    exporter = open_exporter(settings_for(tmp_path, "file", endpoint=target.as_uri()))
    await exporter.send(make_batch(tmp_path, "a"))
    assert target.exists()
    exporter = open_exporter(settings_for(tmp_path, "file", endpoint=None))
    await exporter.send(make_batch(tmp_path, "b"))
    assert (tmp_path / "export.ndjson").exists()


@pytest.mark.parametrize("endpoint", ["file:///", "file://server/share/x", "file:x"])
def test_a_file_endpoint_that_names_no_file_here_is_a_clear_error(
    tmp_path: Path, endpoint: str
) -> None:
    with pytest.raises(ConfigError, match="TELEMETRY_ENDPOINT"):
        open_exporter(settings_for(tmp_path, "file", endpoint=endpoint))


def test_making_an_http_exporter_imports_neither_aiohttp_nor_keyring() -> None:
    body = """
import sys, pathlib
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.factory import ExportSettings, open_exporter
from sidespool.runtime.keychain import read_secret
token = CollectorToken(read_keychain=lambda: read_secret("app"))
open_exporter(ExportSettings(("http",), "https://t.example", pathlib.Path("/tmp"), token))
heavy = {"aiohttp", "keyring", "isal", "urllib.request", "http.client"} & set(sys.modules)
sys.exit(repr(heavy) if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", body], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
