import assert from "node:assert/strict";
import { test } from "node:test";

import { BUILTIN_EVENT_LEVELS, createEvent, LEVELS, REASONS, uuid7 } from "@sidespool/protocol";
import { fixedSource } from "@sidespool/protocol/testing";

test("an event gets its id and time when it happens", () => {
  const source = fixedSource(Date.UTC(2026, 0, 1));
  const event = createEvent(source, ["ChatTurn", { prompt_length: 1 }]);
  assert.deepEqual(event, {
    event_id: "019b76da-a800-7000-8000-000000000001",
    event_type: "ChatTurn",
    timestamp: "2026-01-01T00:00:00.000Z",
    payload: { prompt_length: 1 },
  });
});

test("an id, time and session that are given stay as they are", () => {
  const given = { event_id: "x", timestamp: "2020-01-01T00:00:00Z", session_id: "s" };
  const event = createEvent(fixedSource(), ["ChatTurn", {}, given]);
  assert.deepEqual(event, { ...given, event_type: "ChatTurn", payload: {} });
});

test("ids are UUIDs of version 7 that sort by time and do not repeat", () => {
  const random = (bytes: Uint8Array) => void crypto.getRandomValues(bytes);
  const ids = Array.from({ length: 2000 }, (_, at) => uuid7(1_700_000_000_000 + at, random));
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids.map((id) => id.slice(14))).size, ids.length);
  assert.match(uuid7(-1, random), /^00000000-0000-7/);
});

test("the vocabulary is the daemon's", () => {
  assert.deepEqual([...LEVELS], ["off", "crash", "error", "usage", "full"]);
  assert.ok(REASONS.includes("level_too_low"));
  assert.equal(BUILTIN_EVENT_LEVELS.ChatTurnFull, "full");
});
