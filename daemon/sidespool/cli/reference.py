"""`sidespool reference`: writes docs/cli.md from the very commands that run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from sidespool.cli.place import verb_options

PAGE = Path("docs", "cli.md")
_SHARED = ("--json", "--help", "--data-dir", "--app-id")
_HEAD = """\
# The command line

<!-- Made by `sidespool reference`; a test holds it to the commands. -->

Every verb takes `--json`. Most take `--data-dir` and `--app-id`, which say whose daemon is meant
(default: `TELEMETRY_DATA_DIR` and `TELEMETRY_APP_ID`); they may also stand before the verb.
Exit codes: 0 done, 1 failed, 2 misuse. Errors are one line that says what to do next; with
`--json` they are `{"error","hint"}` on standard output.
"""


def render_reference() -> str:
    """The whole page; imports every verb."""
    from sidespool.cli.verbs import HIDDEN, VERBS, sidespool

    root = click.Context(sidespool, info_name="sidespool")
    parts = [_HEAD, "| verb | does |\n|---|---|"]
    shown = [(name, text) for name, (_, text) in VERBS.items() if name not in HIDDEN]
    parts[-1] += "".join(f"\n| [`{name}`](#sidespool-{name}) | {text} |" for name, text in shown)
    for name, _ in shown:
        command = sidespool.get_command(root, name)
        if command is not None:
            parts += _command(command, click.Context(command, parent=root, info_name=name), 2)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _command(command: click.Command, ctx: click.Context, depth: int) -> Iterator[str]:
    """Heading, usage, help and options of a command, then of those below it."""
    yield f"{'#' * depth} {ctx.command_path}"
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield f"```\n{ctx.command_path} {usage}\n```"
    if command.help:
        yield "\n\n".join(
            " ".join(part.split()) for part in command.help.replace("\b", "").split("\n\n")
        )
    options = [_option(one, ctx) for one in command.params if isinstance(one, click.Option)]
    lines = [line for line in options if line]
    if lines:
        yield "\n".join(lines)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if below is not None and not below.hidden:
                inner = click.Context(below, parent=ctx, info_name=name)
                yield from _command(below, inner, min(depth + 1, 4))


def _option(option: click.Option, ctx: click.Context) -> str:
    if option.hidden or option.opts[0] in _SHARED:
        return ""
    record = option.get_help_record(ctx)
    return f"- `{record[0]}`: {' '.join(record[1].split())}" if record else ""


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Write nothing; 1 where it differs.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=PAGE)
@verb_options
def reference(only_check: bool, output: Path) -> int:
    """Write the command line's reference."""
    wanted = render_reference()
    found = output.read_text(encoding="utf-8") if output.is_file() else ""
    if only_check:
        if found != wanted:
            click.echo(f"{output} is stale; run `sidespool reference`", err=True)
        return 0 if found == wanted else 1
    output.write_text(wanted, encoding="utf-8", newline="\n")
    sys.stdout.write(f"written: {output}\n")
    return 0
