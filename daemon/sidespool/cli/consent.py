"""`sidespool enable`, `disable`, `level` and `consent`: the user's decisions, from a terminal.

Each works with and without a running daemon, and each is recorded with its date. Where another
layer (an administrator, DO_NOT_TRACK, the app) keeps the level lower than asked for, the answer
says so and the exit code is 1.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sidespool.cli.place import answer, place, say_json, verb_options, wants_json
from sidespool.wire.level import LEVEL_BY_LABEL, Level

if TYPE_CHECKING:
    from sidespool.cli.decision import Decision, Effect

LEVELS = tuple(LEVEL_BY_LABEL)


def _carry_out(decision: "Decision") -> "Effect":
    from sidespool.cli.decision import carry_out

    config, paths = place()
    return carry_out(config, paths, decision)


def _say(effect: "Effect", wanted: Level | None) -> int:
    """Tells what came of it; 1 where the level is lower than `wanted`."""
    import msgspec

    from sidespool.cli.status_text import headline

    done = wanted is None or LEVEL_BY_LABEL[effect.level] >= wanted
    text = headline({"level": effect.level, "because": effect.because})
    if effect.deleted:
        text += f" {effect.deleted} events that waited were deleted."
    if not done:
        text = f"Recorded, but {text[0].lower()}{text[1:]}"
    answer(msgspec.to_builtins(effect), text)
    return 0 if done else 1


@click.command()
@verb_options
def enable() -> int:
    """Agree to telemetry, and switch it on; with or without a running daemon."""
    from sidespool.cli.decision import Decision

    effect = _carry_out(Decision("granted", settings={"enabled": True}))
    return _say(effect, Level.CRASH)


@click.command()
@verb_options
def disable() -> int:
    """Refuse telemetry, and delete what has not been sent; with or without a running daemon."""
    from sidespool.cli.decision import Decision

    return _say(_carry_out(Decision("denied", settings={"enabled": False})), None)


@click.command()
@click.argument("wanted", metavar="LEVEL", type=click.Choice(LEVELS))
@verb_options
def level(wanted: str) -> int:
    """Choose how much is collected: off, crash, error, usage or full.

    What needs more than LEVEL and has not been sent is deleted. Works without a running daemon.
    """
    from sidespool.cli.decision import Decision

    if wanted == "off":
        return _say(_carry_out(Decision("denied", settings={"enabled": False})), None)
    settings = {"enabled": True, "level": wanted, "full_content": wanted == "full"}
    effect = _carry_out(Decision("granted", wanted, settings=settings))
    return _say(effect, LEVEL_BY_LABEL[wanted])


@click.group(invoke_without_command=True)
@verb_options
@click.pass_context
def consent(ctx: click.Context) -> int:
    """Show, change or export the record of your decisions; alone, it shows them."""
    return 0 if ctx.invoked_subcommand else _show()


def load_records() -> list[dict[str, Any]]:
    """Every decision, oldest first."""
    import msgspec

    from sidespool.cli.spool_view import read_consent
    from sidespool.runtime.ids import now_ms
    from sidespool.wire.event import format_time

    book = read_consent(place()[1], format_time(now_ms()))
    return [
        {field: getattr(record, field) for field in record.__struct_fields__}
        for record in msgspec.structs.asdict(book)["records"]
    ]


@consent.command()
@verb_options
def show() -> int:
    """Show every decision, oldest first; the last one counts."""
    return _show()


def _show() -> int:
    records = load_records()
    if wants_json():
        say_json({"current": records[-1] if records else None, "records": records})
        return 0
    for record in records:
        policy = f", policy {record['policy_version']}" if record["policy_version"] else ""
        covers = f" up to {record['level']}" if record["decision"] == "granted" else ""
        door = f" (through {record['door']})" if record["door"] else ""
        click.echo(f"{record['at'][:19]}Z  {record['decision']}{covers}{policy}{door}")
    if not records:
        click.echo("No decision is recorded; `sidespool status` says what applies without one.")
    return 0


@consent.command()
@click.option(
    "--level", "covers", type=click.Choice(LEVELS[1:]), default="full", show_default=True,
    help="The most this consent covers; the app's settings may allow less.",
)  # fmt: skip
@click.option("--policy-version", help="The policy agreed to; default: the one in force.")
@verb_options
def grant(covers: str, policy_version: str | None) -> int:
    """Record a yes."""
    from sidespool.cli.decision import Decision

    return _say(_carry_out(Decision("granted", covers, policy_version)), None)


@consent.command()
@click.option("--policy-version", help="The policy refused; default: the one in force.")
@verb_options
def deny(policy_version: str | None) -> int:
    """Record a no, and delete what has not been sent."""
    from sidespool.cli.decision import Decision

    return _say(_carry_out(Decision("denied", "off", policy_version)), None)


@consent.command()
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
@verb_options
def export(output: Path | None) -> int:
    """Write the whole record as JSON, to keep or to hand to somebody."""
    import json

    from sidespool.cli.offline_status import install_id
    from sidespool.errors import SidespoolError

    config, paths = place()
    document = {
        "app_id": config.app_id,
        "install_id": install_id(config, paths),
        "records": load_records(),
    }
    if output is None:
        say_json(document)
        return 0
    try:
        output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SidespoolError(
            f"{output} cannot be written: {error.strerror}", hint="Choose another --output"
        ) from error
    answer({"written": str(output)}, f"Written to {output}")
    return 0
