"""`sidespool collector token`: who may send, read and administer."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from sidespool_collector.cli_group import DAY_MS, JSON, collector, reported, say, settings_of


@collector.group(help="Who may send, read and administer.")
def token() -> None:
    """Verbs on the tokens file."""


NAME = click.option("--name", required=True, help="What the token is for; shown in the audit log.")
FILE = click.option(
    "--tokens-file", type=click.Path(path_type=Path), help="[COLLECTOR_TOKENS_FILE]"
)


def _tokens(tokens_file: Path | None) -> Any:
    from sidespool_collector.auth.tokens import TokenFile

    return TokenFile(settings_of(tokens_file=tokens_file).tokens_path)


def _now() -> int:
    return time.time_ns() // 1_000_000


@token.command("create", help="Make a token; its secret is shown this once.")
@NAME
@click.option("--role", type=click.Choice(["ingest", "read", "admin"]), required=True)
@click.option("--expires-days", type=click.IntRange(1, 3650), help="Never, unless given.")
@FILE
@JSON
def token_create(
    name: str, role: str, expires_days: int | None, tokens_file: Path | None, as_json: bool
) -> None:
    """See the command's help."""
    from sidespool_collector.auth.tokens import Role

    expires = _now() + expires_days * DAY_MS if expires_days else None
    with reported():
        secret = _tokens(tokens_file).create(name, Role(role), _now(), expires)
    say(as_json, {"name": name, "role": role, "token": secret, "expires_ms": expires}, secret)


@token.command("list", help="Show names, roles and state; never secrets.")
@FILE
@JSON
def token_list(tokens_file: Path | None, as_json: bool) -> None:
    """See the command's help."""
    with reported():
        found = _tokens(tokens_file).book.tokens
    now = _now()
    rows = [
        {"name": t.name, "role": t.role, "state": _state(t, now), "expires_ms": t.expires_ms}
        for t in found
    ]
    lines = [f"{r['name']:<24} {r['role']:<8} {r['state']}" for r in rows]
    say(as_json, rows, "\n".join(lines) or "No tokens yet: sidespool collector token create")


def _state(token: Any, now: int) -> str:
    if token.revoked_ms is not None:
        return "revoked"
    if token.expires_ms is None:
        return "valid"
    return "valid until it expires" if now < token.expires_ms else "expired"


@token.command("revoke", help="End a token at once.")
@NAME
@FILE
@JSON
def token_revoke(name: str, tokens_file: Path | None, as_json: bool) -> None:
    """See the command's help."""
    with reported():
        ended = _tokens(tokens_file).revoke(name, _now())
    say(as_json, {"revoked": ended}, f"Revoked {ended} token(s) named {name}")
    sys.exit(0 if ended else 1)


@token.command("rotate", help="Make a new secret for a name; the old one works on for a while.")
@NAME
@click.option("--grace-hours", type=click.IntRange(0, 8760), default=24, show_default=True)
@FILE
@JSON
def token_rotate(name: str, grace_hours: int, tokens_file: Path | None, as_json: bool) -> None:
    """See the command's help."""
    with reported():
        secret = _tokens(tokens_file).rotate(name, _now(), grace_hours * 3_600_000)
    if secret is None:
        click.echo(f"Error: no valid token is named {name}", err=True)
        sys.exit(1)
    say(as_json, {"name": name, "token": secret, "grace_hours": grace_hours}, secret)
