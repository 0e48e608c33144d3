import assert from "node:assert/strict";
import { test } from "node:test";

import {
  decodeFrame,
  decodeReadyLine,
  encodeFrame,
  socketUrl,
  subprotocols,
} from "@sidespool/protocol";

const ready = {
  op: "ready",
  protocol: 1,
  version: "0.1.0",
  pid: 7,
  url: "http://127.0.0.1:9",
  socket: null,
  token: "t",
};

test("a frame is one line of JSON, whatever its texts hold", () => {
  const text = encodeFrame({
    op: "emit",
    id: 1,
    events: [{ event_type: "Error", payload: { message: "a\nb\u2028c\\ud800" } }],
  });
  assert.equal(text.split("\n").length, 1);
  assert.deepEqual(JSON.parse(text).events[0].payload, { message: "a\nb\u2028c\\ud800" });
});

test("half a surrogate pair becomes the replacement character, whole pairs stay", () => {
  const message = "cut \ud83d|\ude00 whole \ud83d\ude00 \\\ud800 \\ud800";
  const text = encodeFrame({
    op: "emit",
    events: [{ event_type: "Error", payload: { message } }],
  });
  assert.equal(
    JSON.parse(text).events[0].payload.message,
    "cut \ufffd|\ufffd whole \ud83d\ude00 \\\ufffd \\ud800",
  );
});

test("only frames of the daemon are taken for such", () => {
  assert.deepEqual(decodeFrame('{"op":"ack","id":3,"accepted":1,"rejected":[]}'), {
    op: "ack",
    id: 3,
    accepted: 1,
    rejected: [],
  });
  for (const text of ["", "null", "[]", "7", "{", '{"op":"emit"}', '{"op":["ack"]}', '"ack"']) {
    assert.equal(decodeFrame(text), undefined, text);
  }
});

test("the ready line is known by its protocol and its shape", () => {
  assert.equal(decodeReadyLine(JSON.stringify(ready))?.url, ready.url);
  const wrong = [
    { ...ready, protocol: 2 },
    { ...ready, op: "result" },
    { ...ready, token: undefined },
    { ...ready, pid: "7" },
  ];
  for (const line of [...wrong.map((line) => JSON.stringify(line)), "Listening on 80", ""]) {
    assert.equal(decodeReadyLine(line), undefined, line);
  }
});

test("a browser's socket carries the token as a subprotocol", () => {
  assert.deepEqual(subprotocols("abc"), ["sidespool.v1", "token.abc"]);
  assert.equal(socketUrl("http://127.0.0.1:81/"), "ws://127.0.0.1:81/v1/socket");
});
