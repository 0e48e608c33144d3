// The cost of `emit` in Node, where Electron's main process runs.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { createSidespool } from "@sidespool/electron/main";
import { createFakeApp } from "@sidespool/electron/testing";
import { EVENT, PAYLOAD, median } from "./event.mjs";

const ROUNDS = 61;
const CALLS = 2_000;

/** Nanoseconds a call: median of rounds; what the calls left behind is done between them. */
async function costOf(call) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = process.hrtime.bigint();
    for (let n = 0; n < CALLS; n += 1) call(n);
    times.push(Number(process.hrtime.bigint() - from) / CALLS);
    await new Promise(setImmediate);
  }
  return median(times);
}

/** The encoding of what was emitted, which is done in a turn of its own. */
async function laterCostOf(emit) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let n = 0; n < CALLS; n += 1) emit(n);
    const from = process.hrtime.bigint();
    await new Promise(setImmediate);
    times.push(Number(process.hrtime.bigint() - from) / CALLS);
  }
  return median(times);
}

/** A client that writes each event to a local socket, acknowledged by nobody. */
async function socketCost() {
  const place = mkdtempSync(join(tmpdir(), "sidespool-bench-"));
  const server = createServer((socket) => socket.resume()).listen(join(place, "s"));
  await once(server, "listening");
  const socket = connect(join(place, "s"));
  await once(socket, "connect");
  const cost = await costOf(() => socket.write(`${JSON.stringify(EVENT)}\n`));
  socket.destroy();
  server.close();
  rmSync(place, { recursive: true, force: true });
  return cost;
}

export async function measureMain() {
  const telemetry = createSidespool({
    app: createFakeApp(),
    appId: "bench",
    sidecar: "/nonexistent/sidespool",
    automatic: false,
  });
  let length = 0;
  const emit = (n) => telemetry.emit("ChatTurn", { ...PAYLOAD, prompt_length: n });
  const main_ns = await costOf(emit); // with the payload that the caller makes for it
  const { version } = createRequire(import.meta.url)("@sidespool/electron/package.json");
  return {
    version,
    node: process.versions.node,
    events_a_round: CALLS,
    main_ns,
    main_later_ns: await laterCostOf(emit),
    main_stringify_ns: await costOf(() => (length += JSON.stringify(EVENT).length)),
    main_socket_ns: await socketCost(),
  };
}
