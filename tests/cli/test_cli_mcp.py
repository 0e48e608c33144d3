"""`sidespool mcp`, asked by the SDK's own client over standard input and output."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from sidespool.cli.assistant.tools import LOOKS, LOWERS
from support.command_line import CommandLine
from support.daemon import RunningDaemon, clean_environment, start_daemon

ERROR = {"event_type": "Error", "payload": {"message": "could not open /home/jane/x.txt"}}
TURN = {"event_type": "ChatTurn", "payload": {"model": "m"}}
QUIET = {"TELEMETRY_FLUSH_INTERVAL_S": "600"}


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


def start(cli: CommandLine) -> RunningDaemon:
    return start_daemon({**cli.env, **QUIET})


@asynccontextmanager
async def assistant(cli: CommandLine) -> AsyncIterator[Client]:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "sidespool", "mcp"], env=clean_environment(cli.env)
    )
    async with Client(stdio_client(server)) as client:
        yield client


async def ask(client: Client, tool: str, **given: Any) -> Any:
    """The tool's answer; what it refuses is a text."""
    result = await client.call_tool(tool, given)
    text = result.content[0].text  # type: ignore[union-attr]  # all answers are texts
    return text if result.is_error else json.loads(text)


async def test_an_assistant_sees_what_the_command_line_shows(cli: CommandLine) -> None:
    with start(cli) as daemon, daemon.client() as link:
        link.emit(ERROR, TURN)
        async with assistant(cli) as client:
            assert (await ask(client, "status"))["level"] == "usage"
            waiting = await ask(client, "pending", event_type="Error")
            assert waiting["total"] == 1
            assert "jane" not in waiting["events"][0]["payload"]["message"]
            assert (await ask(client, "pending", limit=1))["total"] == 2
            assert await ask(client, "history") == {"total": 0, "batches": []}
            assert "is not in the history" in await ask(client, "history", batch_id="01")
            assert (await ask(client, "consent_record"))["current"] is None
            checks = await ask(client, "doctor")
            assert "daemon" in {one["check"] for one in checks["checks"]}
            sent = await ask(client, "preview", **ERROR)
            assert json.loads(sent["would_be_sent"][0])["event_type"] == "Error"
        assert len(daemon.pending()) == 2


async def test_an_assistant_can_try_events_and_texts_without_a_daemon(cli: CommandLine) -> None:
    async with assistant(cli) as client:
        events = (await ask(client, "list_events"))["events"]
        assert {one["event_type"]: one["level"] for one in events}["Crash"] == "crash"
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert_only_lowering(tools)
        told = await ask(client, "explain_event", event_type="ChatTurn")
        assert told["why"]
        assert {one["name"] for one in told["fields"]} >= {"model", "latency_ms"}
        assert "ChatTurn" in await ask(client, "explain_event", event_type="ChatTurns")
        good = await ask(client, "validate_event", event_type="ChatTurnFull", payload={})
        assert good == {"valid": True, "needs_level": "full"}
        bad = await ask(client, "validate_event", event_type="ChatTurn", payload={"colour": 1})
        assert (bad["valid"], bad["reason"]) == (False, "unknown_field")
        clean = await ask(client, "scrub_text", text="mail jane@example.org")
        assert clean == {"output": "mail {EMAIL}"}
        named = await ask(
            client, "scrub_text", text="failed with status code 404", as_template=True
        )
        assert "{STATUS_CODE}" in named["output"]
        assert (await ask(client, "status"))["running"] is False
        assert "disable_telemetry" in await ask(client, "lower_level", level="error")


async def test_an_assistant_can_lower_and_never_raise(cli: CommandLine) -> None:
    with start(cli) as daemon, daemon.client() as link:
        link.emit(ERROR, TURN)
        async with assistant(cli) as client:
            assert (await ask(client, "lower_level", level="error"))["level"] == "error"
            assert {one["event_type"] for one in daemon.pending()} == {"Error"}
            for level in ("error", "usage"):
                refused = await ask(client, "lower_level", level=level)
                assert "this only lowers it" in refused
            for level in ("full", "off", "loud"):
                assert isinstance(await ask(client, "lower_level", level=level), str)
            assert daemon.status()["level"] == "error"
            assert (await ask(client, "disable_telemetry"))["level"] == "off"
            assert "this only lowers it" in await ask(client, "lower_level", level="crash")
            record = (await ask(client, "consent_record"))["current"]
            assert (record["decision"], record["door"]) == ("denied", "mcp")
        assert daemon.status()["level"] == "off"
        assert daemon.pending() == []


def assert_only_lowering(tools: dict[str, Any]) -> None:
    """No tool can raise consent, and each says whether it only looks."""
    assert set(tools) == {one.__name__ for one in (*LOOKS, *LOWERS)}
    for name, tool in tools.items():
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (name in {one.__name__ for one in LOOKS})
    assert not {"grant", "enable", "flush", "emit", "reset", "set"} & set(tools)


def test_without_the_sdk_the_verb_says_what_to_install(cli: CommandLine, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['mcp'] = None\n"
        "from sidespool.cli.verbs import main; sys.exit(main(['mcp']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(cli.env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'sidespool[mcp]'" in done.stderr
