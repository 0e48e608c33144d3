"""The app's backend: FastAPI on a free local port, started and ended by the Electron main process.

The first line on standard output is `{"op":"ready","url":…}`. It ends with its standard input, so
that it never outlives the app. Requests need the token in `DEMO_TOKEN`; pages are let in from the
origins in `DEMO_ORIGINS` (comma separated). Telemetry goes to the daemon that the app runs:
`TELEMETRY_APP_ID` or `TELEMETRY_DATA_DIR` tell where it is.
"""

import hmac
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from assistant import MODEL, Proposal, Turn, answer, apply
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel

from sidespool.client import Telemetry
from sidespool.client.asgi import SidespoolMiddleware

# The session of the desktop app, so that its events and these belong together.
telemetry = Telemetry(session_id=os.environ.get("DEMO_SESSION_ID"))

_TOKEN = os.environ.get("DEMO_TOKEN", "")
_ORIGINS = os.environ.get("DEMO_ORIGINS", "app://demo").split(",")


def _let_in(authorization: Annotated[str, Header()] = "") -> None:
    """Other pages and programs on this machine have no business here."""
    if not _TOKEN or not hmac.compare_digest(authorization.encode(), f"Bearer {_TOKEN}".encode()):
        raise HTTPException(401)


app = FastAPI(dependencies=[Depends(_let_in)], docs_url=None, openapi_url=None)
app.add_middleware(SidespoolMiddleware, telemetry=telemetry)  # latencies and uncaught exceptions
app.add_middleware(
    CORSMiddleware,
    allow_origins=_ORIGINS,
    allow_methods=["GET", "POST"],
    allow_headers=["authorization", "content-type"],
)

_proposals: dict[str, tuple[Proposal, Path]] = {}


class Workspace(BaseModel):
    """A folder the user picked."""

    path: str


class Prompt(Workspace):
    """What the user asks, about a workspace."""

    prompt: str


class Decision(BaseModel):
    """What the user thinks of a proposal."""

    approved: bool


@app.post("/workspaces")
def select_workspace(workspace: Workspace) -> dict[str, Any]:
    """Looks at a folder."""
    root = _folder(workspace.path)
    is_git = (root / ".git").exists()
    # The daemon makes a keyed hash of the path before anything is written.
    telemetry.emit("WorkspaceSelected", {"workspace_hash": str(root), "is_git_repo": is_git})
    return {"path": str(root), "name": root.name, "is_git_repo": is_git}


@app.post("/chat")
def chat(prompt: Prompt) -> dict[str, Any]:
    """One exchange with the assistant."""
    started = time.perf_counter()
    turn = answer(prompt.prompt, _folder(prompt.path))
    _report_turn(prompt.prompt, turn, (time.perf_counter() - started) * 1000)
    if turn.proposal is not None:
        _proposals[turn.proposal.proposal_id] = (turn.proposal, _folder(prompt.path))
        _report_proposal(turn.proposal)
    return {
        "reply": turn.reply,
        "tools": [vars(tool) for tool in turn.tools],
        "proposal": turn.proposal and _shown(turn.proposal),
    }


@app.post("/proposals/{proposal_id}/decision")
def decide(proposal_id: str, decision: Decision) -> dict[str, Any]:
    """Carries out what the user approved; the page reports the decision, for it saw the review."""
    if proposal_id not in _proposals:
        raise HTTPException(404)
    proposal, root = _proposals.pop(proposal_id)
    if decision.approved:
        apply(proposal, root)
    return {"files": len(proposal.changes) if decision.approved else 0}


@app.post("/fail")
def fail() -> None:
    """An error as any backend has them: the middleware reports it."""
    raise RuntimeError(f"the assistant could not read {Path.home() / 'secret.txt'}")


def _folder(path: str) -> Path:
    root = Path(path)
    if not root.is_dir():
        raise HTTPException(422, "not a folder")
    return root


def _report_turn(prompt: str, turn: Turn, taken_ms: float) -> None:
    for tool in turn.tools:
        called: dict[str, Any] = {
            "tool_name": tool.name,
            "duration_ms": tool.duration_ms,
            "success": not tool.error_type,
        }
        telemetry.emit(
            "ToolCall", called | ({"error_type": tool.error_type} if tool.error_type else {})
        )
    telemetry.emit(
        "ChatTurn",
        {
            "prompt_length": len(prompt),
            "response_length": len(turn.reply),
            "model": MODEL,
            "latency_ms": round(taken_ms, 1),
            "token_count": (len(prompt) + len(turn.reply)) // 4,
        },
    )
    # Taken in only where the user chose to share full content; the daemon knows, not this code.
    telemetry.emit("ChatTurnFull", {"prompt": prompt, "response": turn.reply})


def _report_proposal(proposal: Proposal) -> None:
    named = {"proposal_id": proposal.proposal_id}
    telemetry.emit(
        "ProposalCreated",
        named
        | {
            "file_count": len(proposal.changes),
            "total_lines_changed": sum(change.lines_changed for change in proposal.changes),
            "operation": proposal.operation,
        },
    )
    telemetry.emit(
        "ProposalDiff", named | {"diff": "\n".join(one.diff for one in proposal.changes)}
    )
    for one in proposal.changes:
        files = {"path_hash": one.path, "before": one.before, "after": one.after}
        telemetry.emit("FileSnapshot", named | files)


def _shown(proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.proposal_id,
        "title": proposal.title,
        "operation": proposal.operation,
        "files": [{"path": one.path, "diff": one.diff} for one in proposal.changes],
    }


def _end_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.read()  # until the app is gone
    server.should_exit = True


def main() -> None:
    """Serves until the app ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    port = listening.getsockname()[1]
    sys.stdout.write(json.dumps({"op": "ready", "url": f"http://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
