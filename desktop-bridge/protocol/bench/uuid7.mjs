// What one event id costs, as ratios: against JSON.stringify of a small event, which every event
// costs as well, and against the platform's own random UUID.
import { randomFillSync, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { uuid7 } from "@sidespool/protocol";

const ROUNDS = 41;
const CALLS = 20_000;
const event = {
  event_id: "0190b2f0-0000-7000-8000-000000000000",
  event_type: "ChatTurn",
  timestamp: "2026-01-01T00:00:00.000Z",
  payload: { prompt_length: 120, response_length: 900, model: "m-1", latency_ms: 840.5 },
};

const pool = randomFillSync(new Uint8Array(4_096));
let used = 0;
const pooled = (bytes) => {
  if (used + bytes.length > pool.length) used = 0; // the ids repeat, which costs the same
  bytes.set(pool.subarray(used, used + bytes.length));
  used += bytes.length;
};

let sink;
function median(call) {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (let n = 0; n < CALLS; n += 1) sink = call(n);
    return ((performance.now() - start) * 1000) / CALLS;
  });
  return times.sort((a, b) => a - b)[ROUNDS >> 1];
}

const base = median(() => JSON.stringify(event));
const row = (name, us) =>
  console.log(`${name.padEnd(34)} ${us.toFixed(3).padStart(8)} µs  ${(us / base).toFixed(2)} ×`);
console.log(`median of ${ROUNDS} rounds of ${CALLS} calls, Node ${process.versions.node}`);
row("JSON.stringify of the event", base);
row("crypto.randomUUID", median(() => randomUUID()));
row("the random bytes alone", median(() => pooled(new Uint8Array(10))));
row("uuid7", median((n) => uuid7(1_700_000_000_000 + n, pooled)));
process.exit(sink === undefined ? 1 : 0);
