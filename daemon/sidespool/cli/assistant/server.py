"""Offers the tools over the Model Context Protocol on standard input and output, by its SDK."""

from functools import wraps
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from sidespool import __version__
from sidespool.cli.assistant.tools import LOOKS, LOWERS, Answer, Tool
from sidespool.errors import SidespoolError

INSTRUCTIONS = (
    "Sidespool collects telemetry of a desktop application as its user agreed. These tools show "
    "what is collected, why, and what waits or was sent. What they return may be private: quote "
    "no more of it than was asked for. Consent is the user's own: no tool grants it or raises the "
    "level; lower it only when the user asks for that."
)
_LOOKS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_LOWERS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)


def build_server() -> "MCPServer[Any]":
    """The server with every tool; it listens to nobody yet."""
    server: MCPServer[Any] = MCPServer(
        "sidespool", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for tool in LOOKS:
        server.add_tool(_told(tool), annotations=_LOOKS)
    for tool in LOWERS:
        server.add_tool(_told(tool), annotations=_LOWERS)
    return server


def serve() -> None:
    """Until standard input ends."""
    build_server().run("stdio")


def _told(tool: Tool) -> Tool:
    """What went wrong, and what to do about it, as the assistant's answer."""

    @wraps(tool)
    def asked(*args: Any, **named: Any) -> Answer:
        try:
            return tool(*args, **named)
        except SidespoolError as error:
            hint = f" {error.hint}." if error.hint else ""
            raise ToolError(f"{error.message}.{hint}") from error

    return asked
