"""The command line's group of verbs; each verb's module is loaded when it is called, not before.

The table below is all that `sidespool --help` reads: name → (module:command, one line of help).
A new verb is one line there. Exit codes: 0 done, 1 failed, 2 misuse.
"""

import difflib
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from sidespool import __version__
from sidespool.cli.json_flag import remember_json
from sidespool.errors import ConfigError, SidespoolError

EXIT_DONE, EXIT_FAILED, EXIT_MISUSE = 0, 1, 2

VERBS: dict[str, tuple[str, str]] = {
    "run": ("run_verb:run", "Run the sidecar daemon."),
    "demo": ("demo:demo", "Show the whole product at work, on this machine only."),
    "status": ("status:status", "Say what is collected, why, and what became of it."),
    "enable": ("consent:enable", "Agree to telemetry, and switch it on."),
    "disable": ("consent:disable", "Refuse telemetry, and delete what has not been sent."),
    "level": ("consent:level", "Choose how much is collected."),
    "consent": ("consent:consent", "Show, change or export the record of your decisions."),
    "preview": ("preview:preview", "Show the exact bytes that an event would be sent as."),
    "pending": ("pending:pending", "Show what waits to be sent, to the byte."),
    "history": ("history:history", "Show what was sent, to the byte."),
    "view": ("view:view", "Open a page with all that waits and was sent."),
    "reset": ("reset:reset", "Delete everything, here and at the collector."),
    "report": ("report:report", "Report an error, and list your own reports."),
    "emit": ("emit:emit", "Hand an event to the daemon."),
    "flush": ("flush:flush", "Send everything that waits, now."),
    "doctor": ("doctor:doctor", "Check everything between this machine and the collector."),
    "token": ("token:token", "Keep the collector's token in the OS keychain."),
    "scrub": ("scrub:scrub", "Clean texts by the very code that cleans events."),
    "mcp": ("mcp:mcp", "Let an AI assistant look, as a Model Context Protocol server."),
    "catalog": ("catalog:catalog", "Check an event catalog; make documents and types from it."),
    "collector": ("collector:collector", "Run and operate the collector."),
    "reference": ("reference:reference", "Write the command line's reference, docs/cli.md."),
}
HIDDEN = frozenset({"reference"})
_EXTRAS = {"collector": "collector"}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the table's order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the verb's module."""
        entry = VERBS.get(cmd_name)
        if entry is None:
            return None
        module_name, _, attribute = entry[0].partition(":")
        module = importlib.import_module(f"sidespool.cli.{module_name}")
        command: click.Command = getattr(module, attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """As click's; a part that is not installed is said, with the extra that brings it."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            verb, missing = ctx.invoked_subcommand or "", error.name or ""
            extra = _EXTRAS.get(verb)
            if extra is None or missing.startswith("sidespool"):
                raise
            raise SidespoolError(
                f"{verb} needs {missing}, which is not installed",
                hint=f"Run: pip install 'sidespool[{extra}]'",
            ) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest verb where there is none of that name."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, 1)
            hint = f"did you mean `{near[0]}`?" if near else "`sidespool --help` lists all"
            raise click.UsageError(f"there is no verb {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing a single verb."""
        with formatter.section("Verbs"):
            formatter.write_dl([(n, text) for n, (_, text) in VERBS.items() if n not in HIDDEN])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every verb takes --json. Exit codes: 0 done, 1 failed, 2 misuse.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="The daemon's data directory [TELEMETRY_DATA_DIR].",
)
@click.option("--app-id", help="The application whose daemon is meant [TELEMETRY_APP_ID].")
@click.option(
    "--json", is_flag=True, expose_value=False, callback=remember_json, help="Answer as JSON."
)
@click.version_option(__version__, prog_name="sidespool")
@click.pass_context
def sidespool(ctx: click.Context, data_dir: Path | None, app_id: str | None) -> None:
    """Telemetry that leaves only as the user agreed, and is never lost on the way."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False  # rich looks for itself
    # The environment is where every part of Sidespool looks, so options simply go there.
    if data_dir is not None:
        os.environ["TELEMETRY_DATA_DIR"] = str(data_dir)
    if app_id is not None:
        os.environ["TELEMETRY_APP_ID"] = app_id


def main(argv: list[str] | None = None) -> int:
    """Runs a verb; returns its exit code. Every failure is one line that says what to do next."""
    args = sys.argv[1:] if argv is None else argv
    try:
        code: Any = sidespool.main(args, prog_name="sidespool", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show(sys.stdout)
        return EXIT_MISUSE
    except click.UsageError as error:
        return _fail(args, error.ctx, error.format_message(), _see(error.ctx), EXIT_MISUSE)
    except click.ClickException as error:
        return _fail(args, None, error.format_message(), "", EXIT_FAILED)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        return EXIT_FAILED
    except ConfigError as error:
        return _fail(args, None, error.message, error.hint, EXIT_MISUSE)
    except SidespoolError as error:
        return _fail(args, None, error.message, error.hint, EXIT_FAILED)
    except BrokenPipeError:
        # The reader has seen enough (`| head`); the interpreter must not complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    return code if isinstance(code, int) else EXIT_DONE


def _see(ctx: click.Context | None) -> str:
    path = ctx.command_path if ctx else "sidespool"
    return f"See `{path} --help`"


def _fail(args: list[str], ctx: click.Context | None, text: str, hint: str, code: int) -> int:
    """One line on standard error, or an object on standard output where JSON was asked for."""
    text = " ".join(text.split()).rstrip(".")
    if "--json" in args:
        sys.stdout.write(json.dumps({"error": text, "hint": hint}) + "\n")
        return code
    path = ctx.command_path if ctx else "sidespool"
    stop = "" if text.endswith("?") else "."
    ending = f"{stop} {hint}" if hint else ""
    sys.stderr.write(f"{path}: {text}{ending}\n")
    return code
