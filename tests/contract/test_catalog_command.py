"""`sidespool catalog`: what it prints, what it writes, and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sidespool.cli.catalog import catalog, expected_files
from sidespool.wire.generate.output import CATALOG, EXAMPLE_CATALOG
from sidespool.wire.lint.mistake import Code

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / EXAMPLE_CATALOG
BROKEN = """version = 1

[events.ReportOpened]
level = "usage"
description = "The user opened a report."
why = "Shows which reports are read."
expires = "2020-01-01"
sensitivity = "interaction"
retention_days = 90

[events.ReportOpened.fields.loading]
kind = "duration"
description = "Time to load."
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TELEMETRY_CATALOG", raising=False)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN)
    return path


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(catalog, [str(arg) for arg in args])


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def test_check_passes_a_sound_catalog() -> None:
    result = run("check", EXAMPLE)
    assert result.exit_code == 0
    assert "no mistakes" in result.stdout


def test_check_explains_each_mistake_with_its_line_and_what_to_do(broken: Path) -> None:
    result = run("check", broken)
    assert result.exit_code == 1
    assert f"{broken}:3: ReportOpened: no owner [no_owner]" in result.stdout
    assert f"{broken}:7: ReportOpened: expired on 2020-01-01 [expired]" in result.stdout
    assert f"{broken}:11: ReportOpened.loading: duration without a unit" in result.stdout
    assert "End its name in one of" in result.stdout
    assert "3 mistakes" in result.stdout


def test_check_answers_in_json(broken: Path) -> None:
    result = run("check", "--json", broken)
    assert result.exit_code == 1
    said = answer(result)
    assert (said["ok"], said["file"]) == (False, str(broken))
    assert [one["line"] for one in said["mistakes"]] == [3, 7, 11]
    assert set(said["mistakes"][0]) == {"line", "code", "where", "message", "hint"}
    assert answer(run("check", "--json", EXAMPLE)) == {
        "file": str(EXAMPLE), "ok": True, "mistakes": [],
    }  # fmt: skip


def test_check_names_the_line_that_is_not_toml_or_not_utf8(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("version = 1\nwhat is this\n")
    assert f"{bad}:2: not TOML" in run("check", bad).stdout
    bad.write_bytes(b"version = 1\n\n# caf\xe9\n")
    result = run("check", bad)
    assert result.exit_code == 1
    assert f"{bad}:3: not UTF-8" in result.stdout


@pytest.mark.parametrize(
    "args", [["check", "missing.toml"], ["check", "."], ["chekc"], ["docs", "--page", "x"]]
)
def test_misuse_ends_with_2(args: list[str]) -> None:
    assert run(*args).exit_code == 2


def test_check_without_a_file_takes_the_variable_the_directory_or_the_built_in(
    broken: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "built-in catalog: no mistakes" in run("check").stdout
    (tmp_path / "telemetry.catalog.toml").write_text(EXAMPLE.read_text())
    assert "telemetry.catalog.toml: no mistakes" in run("check").stdout
    monkeypatch.setenv("TELEMETRY_CATALOG", str(broken))
    assert run("check").exit_code == 1
    monkeypatch.setenv("TELEMETRY_CATALOG", "missing.toml")
    assert run("check").exit_code == 2


def test_docs_list_built_in_and_own_events() -> None:
    result = run("docs", "--catalog", EXAMPLE)
    assert result.exit_code == 0
    assert "## ChatTurn" in result.stdout
    assert "## ExportFinished" in result.stdout
    assert run("docs").stdout == (ROOT / "docs/data-dictionary.md").read_text()
    assert run("docs", "--page", "privacy").stdout == (ROOT / "docs/privacy-page.md").read_text()
    assert run("docs", "--page", "privacy-html").stdout.startswith("<!doctype html>")
    names = [event["event_type"] for event in answer(run("docs", "--json"))["events"]]
    assert "ChatTurn" in names


def test_typescript_gives_the_built_in_types_or_an_apps_own() -> None:
    assert (
        run("typescript").stdout
        == expected_files(ROOT)[ROOT / "desktop-bridge/protocol/src/catalog.ts"]
    )
    own = run("typescript", "--catalog", EXAMPLE).stdout
    assert 'declare module "@sidespool/protocol"' in own
    assert "ExportFinished: ExportFinishedPayload;" in own
    assert answer(run("typescript", "--catalog", EXAMPLE, "--json"))["typescript"] == own


def test_json_schema_covers_own_events_too() -> None:
    schema = answer(run("json-schema", "--catalog", EXAMPLE))
    assert {"ChatTurn", "ExportFinished"} <= set(schema["$defs"])
    assert answer(run("json-schema", "--json")) == answer(run("json-schema"))


def test_output_goes_to_a_file_where_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "new" / "app-events.ts"
    result = run("typescript", "--catalog", EXAMPLE, "--output", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "ExportFinished" in path.read_text()
    unwritable = run("docs", "--output", tmp_path / "new" / "app-events.ts" / "x.md")
    assert unwritable.exit_code == 1
    assert "cannot be written" in unwritable.stderr


@pytest.mark.parametrize("verb", ["docs", "typescript", "json-schema"])
def test_nothing_is_made_from_a_catalog_with_mistakes(verb: str, broken: Path) -> None:
    result = run(verb, "--catalog", broken)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "no_owner" in result.stderr
    assert "[expired]" not in result.stderr  # what is documented may be old


def test_generate_writes_what_is_stale_and_check_says_so(tmp_path: Path) -> None:
    for name in (CATALOG, EXAMPLE_CATALOG):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    stale = run("generate", "--check", "--root", tmp_path)
    assert stale.exit_code == 1
    assert "stale: docs/data-dictionary.md" in stale.stdout
    assert run("generate", "--root", tmp_path).exit_code == 0
    assert run("generate", "--check", "--root", tmp_path).exit_code == 0
    assert answer(run("generate", "--json", "--root", tmp_path)) == {"written": []}
    for path, text in expected_files(tmp_path).items():
        assert path.read_text() == text


def test_generate_needs_a_source_tree(tmp_path: Path) -> None:
    result = run("generate", "--root", tmp_path)
    assert result.exit_code == 2
    assert "no source tree" in result.stderr


def test_the_guide_explains_every_sort_of_mistake_and_its_example_has_none(tmp_path: Path) -> None:
    guide = (ROOT / "docs/catalog.md").read_text()
    for code in Code:
        assert f"| `{code}` |" in guide
    example = guide.split("```toml\n", 1)[1].split("```", 1)[0]
    path = tmp_path / "guide.toml"
    path.write_text(example)
    result = run("check", path)
    assert result.exit_code == 0, result.stdout
