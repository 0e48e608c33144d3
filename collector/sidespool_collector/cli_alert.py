"""`sidespool collector alert …`: check the file, try a destination, see and silence rules."""

import os
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from sidespool.errors import ConfigError, SidespoolError
from sidespool.wire.event import format_time
from sidespool_collector.cli_group import JSON, collector, reported, run, say, settings_of
from sidespool_collector.cli_store import STORE, with_store
from sidespool_collector.settings import Settings

FILE = click.option(
    "--alerts-file", type=click.Path(path_type=Path), help="[COLLECTOR_ALERTS_FILE]"
)
HOUR_MS = 3_600_000


@collector.group(help="Rules that tell somebody: check, try, list, silence.")
def alert() -> None:
    """Verbs on the alerts file and on silences."""


def _plan(alerts_file: Path | None) -> Any:
    from sidespool_collector.alert.measuring import check_metrics
    from sidespool_collector.alert.rule import SETTING, load_plan
    from sidespool_collector.server import load_catalog

    settings = settings_of(alerts_file=alerts_file)
    if settings.alerts_file is None:
        raise ConfigError(SETTING, "is not set", hint="Name a file with --alerts-file")
    plan = load_plan(settings.alerts_file)
    check_metrics(plan, set(load_catalog(settings).events))
    return plan


@alert.command(help="Read the alerts file and say what is wrong with it.")
@FILE
@JSON
def check(alerts_file: Path | None, as_json: bool) -> None:
    """See the command's help."""
    with reported():
        plan = _plan(alerts_file)
    value = {"rules": [r.name for r in plan.rules], "destinations": sorted(plan.destinations)}
    say(as_json, value, f"{len(plan.rules)} rules, {len(plan.destinations)} destinations")


@alert.command(help="List what a rule may measure.")
@JSON
def metrics(as_json: bool) -> None:
    """See the command's help."""
    from sidespool_collector.alert.measuring import measurable

    found = [name for names in measurable().values() for name in names]
    found.append("events.<event type>")
    say(as_json, found, "\n".join(found))


@alert.command("test", help="Send a notice to one destination now.")
@click.argument("destination")
@FILE
@JSON
def test_destination(destination: str, alerts_file: Path | None, as_json: bool) -> None:
    """See the command's help."""

    async def work() -> int:
        from sidespool_collector.alert.machine import Notice, Told
        from sidespool_collector.alert.send import SendError, send

        plan = _plan(alerts_file)
        if destination not in plan.destinations:
            raise ConfigError("DESTINATION", f"the file has none named {destination!r}")
        told = Told("test", "", "firing", None, "This is a test; nothing is wrong.", _now())
        notice = Notice(destination, _now(), [told])
        try:
            url = os.environ.get("COLLECTOR_PUBLIC_URL", "")
            await send(notice, plan.destinations[destination], url)
        except SendError as error:
            raise SidespoolError(
                f"{destination} did not take it: {error}", hint="Check its entry in the file"
            ) from None
        say(as_json, {"sent": destination}, f"{destination} took a test notice")
        return 0

    run(work)


@alert.command("list", help="Show rules with their state, and silences.")
@FILE
@STORE
@JSON
def list_alerts(alerts_file: Path | None, store: str | None, as_json: bool) -> None:
    """See the command's help."""

    async def verb(found: Any, _: Settings) -> int:
        from sidespool_collector.alert.status import status_of

        status = await status_of(found, _plan(alerts_file), "", _now())
        lines = [
            f"{rule.state:<8} {rule.name:<30} {'silenced' if rule.is_silenced else ''} "
            f"{rule.items[0] if rule.items else ''}".rstrip()
            for rule in status.rules
        ]
        lines += [
            f"silence  {s.rule:<30} {s.id} until {format_time(s.until_ms)}, {s.who} {s.reason}"
            for s in status.silences
        ]
        say(as_json, msgspec.to_builtins(status), "\n".join(lines) or "No rules yet")
        return 0

    with_store(store, verb)


@alert.command(help="Send no notices of a rule for some hours; `*` and `?` match several.")
@click.argument("rule")
@click.option("--hours", type=click.FloatRange(0.01, 2160), default=4, show_default=True)
@click.option("--reason", default="")
@STORE
@JSON
def silence(rule: str, hours: float, reason: str, store: str | None, as_json: bool) -> None:
    """See the command's help."""

    async def verb(found: Any, _: Settings) -> int:
        from sidespool_collector.alert.silence import add_silence
        from sidespool_collector.store.contract import Act

        until = _now() + int(hours * HOUR_MS)
        made = await add_silence(found, rule, until, "command line", reason, _now())
        detail = f"{made.id} until {format_time(until)}"
        await found.note([Act(_now(), "command line", "silence", detail)])
        text = f"{made.id}: no notices of {rule} until {format_time(until)}"
        say(as_json, msgspec.to_builtins(made), text)
        return 0

    with_store(store, verb)


@alert.command(help="End a silence.")
@click.argument("silence_id")
@STORE
@JSON
def unsilence(silence_id: str, store: str | None, as_json: bool) -> None:
    """See the command's help."""

    async def verb(found: Any, _: Settings) -> int:
        from sidespool_collector.alert.silence import end_silence
        from sidespool_collector.store.contract import Act

        is_ended = await end_silence(found, silence_id, _now())
        if is_ended:
            await found.note([Act(_now(), "command line", "silence ended", silence_id[:40])])
        text = "Ended" if is_ended else f"There is no silence {silence_id}: see `alert list`"
        say(as_json, {"ended": is_ended}, text)
        return 0 if is_ended else 1

    with_store(store, verb)


def _now() -> int:
    return time.time_ns() // 1_000_000
