"""The collector as a first version is often written: FastAPI, a pydantic model for each event,
an INSERT for each event, one commit, then the answer. Only `bench_collector.py` starts it.

Usage: python first_sketch.py FILE.db PORT
"""

import gzip
import sqlite3
import sys
from datetime import datetime
from typing import Annotated, Any, Literal, Union
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import EventSpec

KINDS: dict[str, Any] = {
    "integer": int, "number": float, "boolean": bool, "array": list[str], "map": dict[str, Any],
    "object": dict[str, Any], "string_or_map": str | dict[str, Any],
}  # fmt: skip


class Strict(BaseModel):
    """No field that the catalog does not name."""

    model_config = ConfigDict(extra="forbid")


class Envelope(Strict):
    """What every stored event has."""

    event_id: UUID
    timestamp: datetime
    session_id: str = Field(max_length=256)
    user_id: str = Field(max_length=256)
    app_id: str = Field(max_length=256)
    app_version: str = Field(max_length=256)
    os: str = Field(max_length=256)
    seq: int = Field(ge=0)


def model_of(spec: EventSpec) -> Any:
    """One event's model with a typed payload."""
    kinds: dict[str, Any] = {
        name: (Literal[field.values] if field.type == "enum" else KINDS.get(field.type, str)) | None
        for name, field in spec.fields.items()
    }
    empty = dict.fromkeys(kinds)
    payload = type(
        f"{spec.name}Payload",
        (Strict,),
        {**empty, "__annotations__": kinds, "__module__": __name__},
    )
    annotations = {"event_type": Literal[spec.name], "payload": payload}
    return type(spec.name, (Envelope,), {"__annotations__": annotations, "__module__": __name__})


MODELS = tuple(model_of(spec) for spec in builtin_catalog().events.values())
EVENT: TypeAdapter[Any] = TypeAdapter(
    Annotated[Union[MODELS], Field(discriminator="event_type")]  # noqa: UP007  # made at run time
)
INSERT = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

app = FastAPI()
db = sqlite3.connect(sys.argv[1] if len(sys.argv) > 2 else ":memory:", check_same_thread=False)
db.execute("PRAGMA journal_mode = WAL")
db.execute(
    "CREATE TABLE events (event_id TEXT PRIMARY KEY, event_type TEXT, timestamp TEXT, "
    "session_id TEXT, user_id TEXT, app_id TEXT, app_version TEXT, os TEXT, seq INTEGER, "
    "payload TEXT)"
)
db.execute("CREATE INDEX by_time ON events (event_type, timestamp)")
db.execute("CREATE INDEX by_session ON events (session_id)")


def insert(event: Any) -> int:
    """1 where the event was new."""
    values = (
        str(event.event_id), event.event_type, event.timestamp.isoformat(), event.session_id,
        event.user_id, event.app_id, event.app_version, event.os, event.seq,
        event.payload.model_dump_json(exclude_none=True),
    )  # fmt: skip
    return db.execute(INSERT, values).rowcount


@app.post("/api/v1/events")
async def post_events(request: Request) -> dict[str, Any]:
    """One batch."""
    accepted = duplicates = 0
    rejected: list[dict[str, Any]] = []
    body = gzip.decompress(await request.body())
    with db:
        for line in body.splitlines():
            try:
                added = insert(EVENT.validate_json(line))
            except ValidationError:
                rejected.append({"event_id": None, "reason": "invalid_value"})
                continue
            accepted += added
            duplicates += 1 - added
    return {"accepted": accepted, "duplicates": duplicates, "rejected": rejected}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
