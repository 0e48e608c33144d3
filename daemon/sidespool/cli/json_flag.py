"""Remembers `--json`, whichever part of a command line it stands behind."""

import click

JSON = "sidespool.json"


def remember_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """The option's callback."""
    if value:
        ctx.find_root().meta[JSON] = True
