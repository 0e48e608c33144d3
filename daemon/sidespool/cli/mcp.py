"""`sidespool mcp`: a Model Context Protocol server on standard input and output."""

from importlib.util import find_spec

import click

from sidespool.cli.place import place, verb_options
from sidespool.errors import SidespoolError


@click.command()
@verb_options
def mcp() -> int:
    """Let an AI assistant look at what is collected, waits and was sent, over MCP on stdio.

    The assistant starts it; see docs/assistant.md. It looks, and can lower the level; it can
    neither raise it nor give consent. Answers are JSON-RPC in any case. Needs the extra `mcp`.
    """
    if find_spec("mcp") is None:
        raise SidespoolError(
            "the Model Context Protocol SDK is not installed",
            hint="Run: pip install 'sidespool[mcp]'",
        )
    from sidespool.cli.assistant.server import serve

    place()  # a bad setting is told now, not with every answer
    serve()
    return 0
