// What one `emit` costs the caller, as ratios: against one JSON.stringify of the same event, and
// against an empty function call. The encoding that follows in another turn is named apart.
import { performance } from "node:perf_hooks";
import { createSidespool } from "@sidespool/electron/main";
import { createFakeApp } from "@sidespool/electron/testing";

const ROUNDS = 41;
const CALLS = 2_000;
const payload = {
  prompt_length: 120,
  response_length: 900,
  model: "m-1",
  latency_ms: 840.5,
  token_count: 300,
};
const event = {
  event_id: "0190b2f0-0000-7000-8000-000000000000",
  event_type: "ChatTurn",
  timestamp: new Date().toISOString(),
  payload,
};

const telemetry = createSidespool({
  app: createFakeApp(),
  appId: "bench",
  sidecar: "/nonexistent/sidespool",
  automatic: false,
});

async function median(call, afterRound = () => {}) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (let n = 0; n < CALLS; n += 1) call(n);
    times.push(((performance.now() - start) * 1000) / CALLS);
    await new Promise(setImmediate); // what was emitted is encoded in a turn of its own
    afterRound();
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1];
}

let sink;
const empty = await median((n) => (sink = n));
const stringify = await median(() => (sink = JSON.stringify(event)));
const emit = await median(() => telemetry.emit("ChatTurn", payload));

const encoding = [];
for (let round = 0; round < ROUNDS; round += 1) {
  for (let n = 0; n < CALLS; n += 1) telemetry.emit("ChatTurn", payload);
  const start = performance.now();
  await new Promise(setImmediate);
  encoding.push(((performance.now() - start) * 1000) / CALLS);
}
const encode = encoding.sort((a, b) => a - b)[ROUNDS >> 1];

const row = (name, us, ratio) =>
  console.log(`${name.padEnd(34)} ${us.toFixed(3).padStart(8)} µs  ${ratio}`);
console.log(`median of ${ROUNDS} rounds of ${CALLS} calls, Node ${process.versions.node}`);
row("an empty call", empty, "");
row("JSON.stringify of the event", stringify, "1.00 ×");
row("emit, the caller's cost", emit, `${(emit / stringify).toFixed(2)} ×`);
row("encoding it, in another turn", encode, `${(encode / stringify).toFixed(2)} ×`);
process.exit(sink === undefined ? 1 : 0);
