/** For any order of facts: each event has exactly one fate, and none changes place or text. */

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Outbox } from '../../src/lib/transport/outbox';

const fact = fc.oneof(
  { weight: 6, arbitrary: fc.constant('add' as const) },
  { weight: 4, arbitrary: fc.constant('next' as const) },
  { weight: 3, arbitrary: fc.constant('ack' as const) },
  fc.constantFrom('reject', 'refuse', 'lost', 'malformed', 'unload', 'handOver' as const),
);

const sum = (counts: Readonly<Partial<Record<string, number>>>): number =>
  Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0);

test('emitted = acknowledged + rejected + dropped + handed over + pending, and order holds', () => {
  fc.assert(
    fc.property(fc.array(fact, { maxLength: 120 }), fc.integer({ min: 1, max: 20 }), (facts, max) => {
      const outbox = new Outbox({ eventsMax: max });
      let made = 0;
      let frame = 0;
      let flying: { id: number; events: readonly string[] }[] = [];
      for (const what of facts) {
        const oldest = flying[0];
        if (what === 'add') outbox.add(`e${made++}`);
        else if (what === 'next') {
          frame += 1;
          const events = outbox.next(frame);
          const numbers = events.map((event) => Number(event.slice(1)));
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
          if (events.length > 0) flying.push({ id: frame, events });
        } else if (what === 'lost') {
          outbox.onLost();
          flying = [];
        } else if (what === 'malformed') {
          outbox.onMalformed();
          flying = [];
        } else if (what === 'unload' || what === 'handOver') {
          const left = outbox.pending;
          const events = what === 'unload' ? outbox.onUnload() : outbox.onHandOver().length;
          expect(events).toBe(left);
          flying = [];
        } else if (oldest !== undefined) {
          flying.shift();
          if (what === 'refuse') outbox.onRefused(oldest.id, 'too_large');
          else outbox.onAck(oldest.id, what === 'reject' ? [{ reason: 'consent_off' }] : []);
        }
        const { emitted, acknowledged, rejected, dropped, handedOver } = outbox.counts;
        expect(emitted).toBe(made);
        const fates = acknowledged + sum(rejected) + sum(dropped) + handedOver;
        expect(fates + outbox.pending).toBe(emitted);
        expect(outbox.pending).toBeLessThanOrEqual(max);
        expect(outbox.expecting).toBe(flying.length > 0);
      }
    }),
    { numRuns: 400 },
  );
});
