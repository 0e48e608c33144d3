"""`sidespool report`: reports an error, shows first what would go, and lists one's own reports."""

import sys
from typing import Any

import click

from sidespool.cli.place import answer, place, say_json, verb_options, wants_json


@click.command()
@click.option("--list", "listing", is_flag=True, help="Show the reports made on this machine.")
@click.option("--error-type", default="", help="The error's class, such as TypeError.")
@click.option("--message", default="", help="The error's message; sent as a template.")
@click.option("--stack", type=click.File(), help="A file with the stack trace; - reads input.")
@click.option("--source", default="", help="Which part of the application saw it.")
@click.option("--describe", default="", help="Your own words. Only a hash of them is sent.")
@click.option("--include", is_flag=True, help="Send your own words, too, scrubbed.")
@click.option("--preview", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before your own words are sent.")
@verb_options
def report(
    listing: bool, error_type: str, message: str, stack: Any, source: str,
    describe: str, include: bool, preview: bool, yes: bool,
) -> int:  # fmt: skip
    """Report an error to the makers of the application; with or without a running daemon.

    Where none runs, the report waits for the next start of the app.
    """
    if listing:
        return _list()
    fields = {
        "error_type": error_type,
        "message": message,
        "stack_trace": stack.read() if stack is not None else "",
        "source": source,
        "description": describe,
        "include_description": include,
    }
    from sidespool.cli.momentary import some_daemon

    with some_daemon(sends=False) as (control, _):
        if preview or (include and not yes):
            shown = control.ask("report", **fields, preview=True)
            if preview:
                _show(shown)
                return 0
            if not _agreed(shown):
                answer({"stored": False}, "Nothing was sent.")
                return 1
        done = control.ask("report", **fields)
    answer(done, f"Reported as {done['report_id']}.")
    return 0


def _show(shown: dict[str, Any]) -> None:
    import json

    if wants_json():
        say_json(shown)
        return
    click.echo(json.dumps(shown["event"], indent=2, ensure_ascii=False))


def _agreed(shown: dict[str, Any]) -> bool:
    """Asks a person who can answer; without one, nothing goes that was not shown."""
    if wants_json() or not sys.stdin.isatty():
        raise click.UsageError("--include sends your own words: look at --preview, then add --yes")
    _show(shown)
    return click.confirm("Send this?")


def _list() -> int:
    from sidespool.core.error_report import ReportList, decode_reports

    try:
        raw = place()[1].reports_file.read_bytes()
    except FileNotFoundError:
        raw = b""
    found = decode_reports(raw) or ReportList()
    import msgspec

    reports = [msgspec.json.decode(msgspec.json.encode(one)) for one in reversed(found.reports)]
    if wants_json():
        say_json({"reports": reports})
        return 0
    for one in reports:
        details = one["event"]["payload"].get("error_details", {})
        words = " with your own words" if one["included_description"] else ""
        kind = details.get("error_type") or "described"
        click.echo(f"{one['at'][:19]}Z  {one['report_id']}  {kind}{words}")
    if not reports:
        click.echo("No report was made on this machine.")
    return 0
