"""`sidespool catalog`: checks an app's event catalog and makes documents and types from it."""

import json
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sidespool.wire.catalog import Catalog
    from sidespool.wire.lint.mistake import Mistake

FILE_NAME = "telemetry.catalog.toml"
BUILTIN = "built-in catalog"
PAGES = ("dictionary", "privacy", "privacy-html")

_existing = click.Path(exists=True, dir_okay=False, path_type=Path)
_catalog = click.option(
    "--catalog",
    "file",
    type=_existing,
    help="An app's own catalog, added to the built-in one.",
)
_output = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: standard output."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.group("catalog")
def catalog() -> None:
    """Check an event catalog, and make documents and types from it."""


@catalog.command()
@click.argument("file", type=_existing, required=False)
@_as_json
def check(file: Path | None, as_json: bool) -> None:
    """Explain every mistake in FILE, with its line and what to do.

    Without FILE: $TELEMETRY_CATALOG, ./telemetry.catalog.toml, or the built-in catalog, whichever
    comes first. Exit code 0 without mistakes, 1 with mistakes, 2 if the file cannot be read.
    """
    file = file or _default_file()
    mistakes = _mistakes(file)
    source = str(file) if file else BUILTIN
    if as_json:
        click.echo(json.dumps({"file": source, "ok": not mistakes, "mistakes": _plain(mistakes)}))
    else:
        _show(source, mistakes)
    sys.exit(1 if mistakes else 0)


@catalog.command()
@click.option("--page", type=click.Choice(PAGES), default="dictionary", show_default=True)
@_catalog
@_output
@_as_json
def docs(page: str, file: Path | None, output: Path | None, as_json: bool) -> None:
    """Write the data dictionary or the privacy page; with --json their machine-readable twin."""
    from sidespool.wire.generate import dictionary, privacy

    render = {
        "dictionary": dictionary.render_dictionary,
        "privacy": privacy.render_privacy_markdown,
        "privacy-html": privacy.render_privacy_html,
    }[page]
    _deliver(privacy.render_privacy_json if as_json else render, _whole(file), output)


@catalog.command()
@click.option("--package", default="@sidespool/protocol", show_default=True)
@_catalog
@_output
@_as_json
def typescript(package: str, file: Path | None, output: Path | None, as_json: bool) -> None:
    """Write TypeScript types: of an app's own events, or without --catalog of the built-in ones.

    An app's own events are merged into the EventMap of --package, so that `emit` knows them.
    """
    from sidespool.wire.generate.typescript import render_app_types, render_builtin_types

    def render(found: "Catalog") -> str:
        text = render_app_types(found, package) if file else render_builtin_types(found)
        return json.dumps({"typescript": text}) + "\n" if as_json else text

    _deliver(render, _own(file) if file else _whole(None), output)


@catalog.command("json-schema")
@_catalog
@_output
@_as_json
def json_schema(file: Path | None, output: Path | None, as_json: bool) -> None:
    """Write the JSON Schema (draft 2020-12) of stored events; it is JSON with or without --json."""
    from sidespool.wire.generate.json_schema import render_json_schema

    _deliver(render_json_schema, _whole(file), output)


@catalog.command(hidden=True)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; fail where one differs.")
@click.option("--root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_as_json
def generate(only_check: bool, root: Path | None, as_json: bool) -> None:
    """Renew every file of the source tree that is made from the catalog."""
    base = root or Path(__file__).parents[3]
    stale = [path for path, text in expected_files(base).items() if _read(path) != text]
    if not only_check:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected_files(base)[path], encoding="utf-8", newline="\n")
    names = [path.relative_to(base).as_posix() for path in stale]
    if as_json:
        click.echo(json.dumps({"stale" if only_check else "written": names}))
    else:
        for name in names:
            click.echo(f"{'stale' if only_check else 'written'}: {name}")
        if only_check and names:
            click.echo("Run `make generate` and commit what it writes.", err=True)
    sys.exit(1 if only_check and stale else 0)


def expected_files(root: Path) -> dict[Path, str]:
    """Every generated file of the source tree at `root`, as it should be."""
    from sidespool.wire.catalog_toml import parse_catalog
    from sidespool.wire.generate.output import CATALOG, EXAMPLE_CATALOG, generated_files

    source = root / CATALOG
    if not source.is_file():
        raise click.UsageError(f"{root} is no source tree of Sidespool: it has no {CATALOG}")
    builtin = parse_catalog(source.read_text(encoding="utf-8"), CATALOG)
    example = parse_catalog((root / EXAMPLE_CATALOG).read_text(encoding="utf-8"), EXAMPLE_CATALOG)
    return {root / name: text for name, text in generated_files(builtin, example).items()}


def _read(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8") if path.is_file() else None


def _default_file() -> Path | None:
    named = os.environ.get("TELEMETRY_CATALOG")
    if named and not Path(named).is_file():
        raise click.UsageError(f"TELEMETRY_CATALOG names {named}, which is no file")
    file = Path(named or FILE_NAME)
    return file if file.is_file() else None


def _mistakes(file: Path | None) -> "list[Mistake]":
    """What is wrong with an app's catalog, or with the built-in one where `file` is None."""
    from sidespool.wire.builtin import builtin_catalog
    from sidespool.wire.catalog_lint import decode_text, lint_catalog

    text = decode_text(_bytes_of(file or _builtin_file()))
    if not isinstance(text, str):
        return [text]
    builtin = builtin_catalog() if file else None
    return lint_catalog(text, today=date.today(), builtin=builtin)  # noqa: DTZ011  # the user's day


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from error


def _builtin_file() -> Path:
    return Path(__file__).parents[1] / "wire" / "catalog.toml"


def _whole(file: Path | None) -> "Catalog":
    """The built-in catalog, and an app's own beside it."""
    from sidespool.wire.builtin import builtin_catalog

    return builtin_catalog().extended(_own(file)) if file else builtin_catalog()


def _own(file: Path) -> "Catalog":
    """An app's own catalog; ends with its mistakes where it has any that are not mere age."""
    from sidespool.wire.catalog_toml import parse_catalog
    from sidespool.wire.lint.mistake import Code

    fatal = [one for one in _mistakes(file) if one.code is not Code.EXPIRED]
    if fatal:
        _show(str(file), fatal, err=True)
        sys.exit(1)
    return parse_catalog(_bytes_of(file).decode("utf-8"), str(file))


def _deliver(render: "Callable[[Catalog], str]", found: "Catalog", output: Path | None) -> None:
    text = render(found)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error


def _plain(mistakes: "list[Mistake]") -> list[dict[str, object]]:
    return [
        {name: getattr(one, name) for name in ("line", "code", "where", "message", "hint")}
        for one in mistakes
    ]


def _show(source: str, mistakes: "list[Mistake]", err: bool = False) -> None:
    for one in mistakes:
        where = f"{one.where}: " if one.where else ""
        click.echo(f"{source}:{one.line}: {where}{one.message} [{one.code}]", err=err)
        click.echo(f"    {one.hint}", err=err)
    if not mistakes:
        click.echo(f"{source}: no mistakes", err=err)
    else:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        click.echo(f"{count}; docs/catalog.md explains each sort", err=err)
