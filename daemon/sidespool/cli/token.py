"""`sidespool token`: keeps the collector's token in the OS keychain, never on a command line."""

import os
import sys

import click

from sidespool.cli.place import answer, confirm, place, verb_options
from sidespool.errors import SidespoolError


@click.group(invoke_without_command=True)
@verb_options
@click.pass_context
def token(ctx: click.Context) -> int:
    """Keep the collector's token in the OS keychain; alone, it says where one comes from."""
    return 0 if ctx.invoked_subcommand else _say_source()


def _read_secret() -> str:
    """From the terminal without echo, else the first line of standard input."""
    if sys.stdin.isatty():
        given: str = click.prompt("Token", hide_input=True)
    else:
        given = sys.stdin.readline()
    secret = given.strip()
    if not secret or not secret.isascii() or any(c.isspace() for c in secret):
        raise click.UsageError("a token is one line without blanks, on standard input")
    return secret


@token.command("set")
@verb_options
def set_token() -> int:
    """Store the token read from the terminal or from standard input.

    A running daemon finds it when the collector next refuses the old one.
    """
    from sidespool.runtime.keychain import backend_name, write_secret

    config = place()[0]
    write_secret(config.app_id, _read_secret())
    name = backend_name()
    answer(
        {"stored": True, "app_id": config.app_id, "backend": name},
        f"The token for {config.app_id} is in the keychain ({name})",
    )
    return 0


@token.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@verb_options
def clear(yes: bool) -> int:
    """Remove the token from the keychain."""
    from sidespool.runtime.keychain import delete_secret

    config = place()[0]
    confirm(f"Remove the token for {config.app_id} from the keychain?", yes)
    removed = delete_secret(config.app_id)
    words = "removed" if removed else "there was none"
    answer({"removed": removed, "app_id": config.app_id}, f"Token for {config.app_id}: {words}")
    return 0


@token.command("show-source")
@verb_options
def show_source() -> int:
    """Say where the token would come from; the token itself is not shown.

    An app may hand another one to its daemon when it starts it.
    """
    return _say_source()


def _say_source() -> int:
    source, problem = token_source(place()[0].app_id)
    answer(
        {"source": source, "problem": problem},
        f"The token comes from {source}"
        if source
        else f"There is no token: {problem}. To store one: sidespool token set",
    )
    return 0 if source else 1


def token_source(app_id: str) -> tuple[str, str]:
    """Where a token is found, or "" and why there is none."""
    if os.environ.get("TELEMETRY_TOKEN", "").strip():
        return "TELEMETRY_TOKEN", ""
    from sidespool.runtime.keychain import backend_name, read_secret

    try:
        if read_secret(app_id):
            return f"the keychain ({backend_name()})", ""
    except SidespoolError as error:
        return "", error.message
    return "", "neither TELEMETRY_TOKEN nor the keychain holds one"
