import assert from "node:assert/strict";
import { test } from "node:test";

import type { ClientEvent } from "@sidespool/protocol";
import { createFakeDaemon, createRecorder } from "@sidespool/protocol/testing";

const turn: ClientEvent = { event_type: "ChatTurn", event_id: "a", payload: { prompt_length: 1 } };
const call: ClientEvent = { event_type: "ToolCall", event_id: "b", payload: {} };

test("the recorder keeps what was emitted, in order and by type", () => {
  const recorder = createRecorder();
  recorder.emit("ChatTurn", { prompt_length: 1 });
  recorder.emit("ToolCall", { tool_name: "grep" });
  recorder.emit("ChatTurn", { prompt_length: 2 });
  assert.deepEqual(recorder.payloads("ChatTurn"), [{ prompt_length: 1 }, { prompt_length: 2 }]);
  assert.equal(new Set(recorder.events.map((event) => event.event_id)).size, 3);
  recorder.clear();
  assert.equal(recorder.events.length, 0);
});

test("the fake daemon acknowledges, and keeps an event sent twice once", () => {
  const daemon = createFakeDaemon();
  assert.deepEqual(daemon.answer({ op: "emit", id: 1, events: [turn, call] }), [
    { op: "ack", id: 1, accepted: 2, rejected: [] },
  ]);
  daemon.answer({ op: "emit", id: 2, events: [turn] });
  assert.deepEqual(daemon.events, [turn, call]);
});

test("the fake daemon refuses what it is told to, and everything while off", () => {
  const daemon = createFakeDaemon({
    refuse: (event) => (event.event_type === "ToolCall" ? "rate_limited" : undefined),
  });
  const [ack] = daemon.answer({ op: "emit", id: 1, events: [turn, call] });
  assert.equal(ack?.op === "ack" && ack.rejected?.[0]?.index, 1);
  const [settings] = daemon.answer({ op: "set", id: 2, settings: { enabled: false } });
  assert.equal(settings?.op === "settings" && settings.level, "off");
  const [off] = daemon.answer({ op: "emit", id: 3, events: [turn] });
  assert.equal(off?.op === "ack" && off.rejected?.[0]?.reason, "consent_off");
});

test("the fake daemon greets, and answers every other frame with its id", () => {
  const daemon = createFakeDaemon({ level: "error" });
  const [welcome] = daemon.answer({ op: "hello", client: "renderer" });
  assert.equal(welcome?.op === "welcome" && welcome.level, "error");
  for (const op of ["status", "flush", "reset", "shutdown"] as const) {
    const [result] = daemon.answer({ op, id: 9 });
    assert.equal(result?.op === "result" && result.id, 9);
  }
  assert.deepEqual(daemon.answer({ op: "goodbye" }), []);
});
