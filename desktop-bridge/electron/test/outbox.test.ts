import fc from "fast-check";
import { expect, test } from "vitest";
import type { Link } from "../src/main/link.js";
import { Outbox } from "../src/main/outbox.js";

interface Sent {
  readonly id: number;
  readonly events: readonly { n: number; event_id: string }[];
}

/** A link that remembers, and an outbox whose turns the test takes. */
function world(eventsMax?: number) {
  const turns: (() => void)[] = [];
  let ids = 0;
  const outbox = new Outbox<number>({
    complete: (n) => (n < 0 ? null : { n, event_id: `e${n}` }),
    nextId: () => (ids += 1),
    soon: (work) => void turns.push(work),
    eventsMax,
  });
  const connect = (): Link & { sent: Sent[] } => {
    const sent: Sent[] = [];
    return { sent, send: (frame) => void sent.push(JSON.parse(frame) as Sent), close: () => {} };
  };
  const turn = (): void => {
    for (const work of turns.splice(0)) work();
  };
  return { outbox, connect, turn };
}

const ack = (
  id: number,
  rejected: { index: number; reason: "consent_off"; detail: string }[] = [],
) => ({ op: "ack", id, accepted: 0, rejected }) as const;

test("nothing happens in the caller's turn", () => {
  const { outbox, connect, turn } = world();
  const link = connect();
  outbox.open(link);
  outbox.push(1);
  outbox.push(2);
  expect(link.sent).toEqual([]);
  turn();
  expect(link.sent.map((frame) => frame.events.map((event) => event.n))).toEqual([[1, 2]]);
});

test("what was emitted before the daemon is ready waits in order", () => {
  const { outbox, connect, turn } = world();
  [1, 2, 3].forEach((n) => outbox.push(n));
  turn();
  const link = connect();
  outbox.open(link);
  expect(link.sent[0]?.events.map((event) => event.n)).toEqual([1, 2, 3]);
});

test("an acknowledgement alone makes it forget, and a loss sends the same ids again", () => {
  const { outbox, connect } = world();
  const first = connect();
  outbox.open(first);
  outbox.push(1);
  outbox.flush();
  outbox.lost();
  outbox.push(2);
  const second = connect();
  outbox.open(second);
  expect(second.sent.flatMap((frame) => frame.events.map((event) => event.event_id))).toEqual([
    "e1",
    "e2",
  ]);
  expect(outbox.size).toBe(2);
  expect(outbox.onAck(ack(second.sent[0]?.id ?? 0))).toBe(true);
  expect(outbox.size).toBe(0);
  expect(outbox.stats).toMatchObject({ emitted: 2, acknowledged: 2, resent: 1 });
});

test("rejected events are counted by reason and not sent again", () => {
  const { outbox, connect } = world();
  const link = connect();
  outbox.open(link);
  outbox.push(1);
  outbox.push(2);
  outbox.flush();
  outbox.onAck(ack(link.sent[0]?.id ?? 0, [{ index: 0, reason: "consent_off", detail: "" }]));
  expect(outbox.stats.rejected).toEqual({ consent_off: 1 });
  expect(outbox.stats.acknowledged).toBe(1);
  expect(outbox.size).toBe(0);
});

test("a full buffer lets the oldest go, and says so", () => {
  const { outbox, connect } = world(3);
  [1, 2, 3, 4, 5].forEach((n) => outbox.push(n));
  outbox.flush();
  const link = connect();
  outbox.open(link);
  expect(link.sent[0]?.events.map((event) => event.n)).toEqual([3, 4, 5]);
  expect(outbox.stats.dropped).toEqual({ overflow: 2 });
});

test("what cannot be JSON, is too large, or is filtered is dropped and counted", () => {
  let ids = 0;
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const outbox = new Outbox<object | null>({
    complete: (given) => given,
    nextId: () => (ids += 1),
    soon: (work) => work(),
  });
  outbox.push(circular);
  outbox.push({ n: 1n });
  outbox.push(null);
  outbox.push({ text: "x".repeat(2 * 1024 * 1024) });
  expect(outbox.stats.dropped).toEqual({ invalid: 2, before_send: 1, too_large: 1 });
});

test("a frame the daemon refuses whole is given up", () => {
  const { outbox, connect } = world();
  const link = connect();
  outbox.open(link);
  outbox.push(1);
  outbox.flush();
  expect(outbox.onRefused(link.sent[0]?.id, "too_large")).toBe(true);
  expect(outbox.size).toBe(0);
});

test("drained resolves with the last acknowledgement", async () => {
  const { outbox, connect } = world();
  const link = connect();
  outbox.open(link);
  outbox.push(1);
  const drained = outbox.drained();
  outbox.onAck(ack(link.sent[0]?.id ?? 0));
  await drained;
});

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant("push" as const) },
    { weight: 3, arbitrary: fc.constant("turn" as const) },
    { weight: 2, arbitrary: fc.constant("ack" as const) },
    { weight: 1, arbitrary: fc.constant("lose" as const) },
    { weight: 1, arbitrary: fc.constant("open" as const) },
  ),
  { maxLength: 200 },
);

test("whatever is lost on the way, everything arrives, in order, and only acks forget", () => {
  fc.assert(
    fc.property(steps, (plan) => {
      const { outbox, connect, turn } = world();
      const arrived: number[] = [];
      let link: (Link & { sent: Sent[] }) | undefined;
      let acked = 0;
      let pushed = 0;
      const acknowledge = (): void => {
        const frame = link?.sent[acked];
        if (frame === undefined) return;
        acked += 1;
        arrived.push(...frame.events.map((event) => event.n));
        outbox.onAck(ack(frame.id));
      };
      const open = (): void => {
        acked = 0;
        link = connect();
        outbox.open(link);
      };
      for (const one of plan) {
        if (one === "push") outbox.push((pushed += 1));
        if (one === "turn") turn();
        if (one === "ack") acknowledge();
        if (one === "lose") ((link = undefined), outbox.lost());
        if (one === "open") open();
        expect(outbox.size).toBe(pushed - arrived.length);
      }
      open();
      turn();
      while (outbox.size > 0) acknowledge();
      expect(arrived).toEqual(Array.from({ length: pushed }, (_, index) => index + 1));
    }),
  );
});
