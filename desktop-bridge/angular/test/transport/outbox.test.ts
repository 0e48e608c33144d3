import { expect, test } from 'vitest';

import { Outbox } from '../../src/lib/transport/outbox';
import { EVENT_CHARS_MAX, FRAMES_IN_FLIGHT_MAX, FRAME_EVENTS_MAX } from '../../src/lib/transport/policy';

function filled(count: number, bounds = {}): Outbox {
  const outbox = new Outbox(bounds);
  for (let at = 0; at < count; at += 1) outbox.add(`e${at}`);
  return outbox;
}

test('an event is pending until it is acknowledged', () => {
  const outbox = filled(2);
  expect(outbox.next(1)).toEqual(['e0', 'e1']);
  expect(outbox.pending).toBe(2);
  outbox.onAck(1, [{ reason: 'level_too_low' }]);
  expect(outbox.pending).toBe(0);
  expect(outbox.counts).toMatchObject({ acknowledged: 1, rejected: { level_too_low: 1 } });
});

test('what was in flight when the line broke goes first on the next one, in order', () => {
  const outbox = filled(2);
  outbox.next(1);
  outbox.add('e2');
  outbox.onLost();
  expect(outbox.next(2)).toEqual(['e0', 'e1', 'e2']);
  expect(outbox.counts.resent).toBe(2);
});

test('an acknowledgement of an older line changes nothing', () => {
  const outbox = filled(1);
  outbox.next(1);
  outbox.onLost();
  outbox.onAck(1, []);
  expect(outbox.pending).toBe(1);
});

test('the oldest gives way when the queue is full', () => {
  const outbox = filled(5, { eventsMax: 3 });
  expect(outbox.next(1)).toEqual(['e2', 'e3', 'e4']);
  expect(outbox.counts.dropped.overflow).toBe(2);
});

test('the queue is bounded in size too, what is in flight included', () => {
  const outbox = new Outbox({ charsMax: 10 });
  outbox.add('aaaaaaaa');
  outbox.next(1);
  outbox.add('bbbb');
  expect(outbox.counts.dropped.overflow).toBe(1);
  outbox.onAck(1, []);
  outbox.add('cccc');
  expect(outbox.next(2)).toEqual(['cccc']);
});

test('an event that no daemon would take is dropped at once', () => {
  const outbox = new Outbox();
  outbox.add('x'.repeat(EVENT_CHARS_MAX + 1));
  expect(outbox.counts.dropped.too_large).toBe(1);
  expect(outbox.pending).toBe(0);
});

test('frames and frames in flight are bounded', () => {
  const outbox = filled(FRAME_EVENTS_MAX * (FRAMES_IN_FLIGHT_MAX + 1), { eventsMax: 100_000 });
  for (let id = 1; id <= FRAMES_IN_FLIGHT_MAX; id += 1) {
    expect(outbox.next(id)).toHaveLength(FRAME_EVENTS_MAX);
  }
  expect(outbox.next(99)).toEqual([]);
  outbox.onAck(1, []);
  expect(outbox.next(99)).toHaveLength(FRAME_EVENTS_MAX);
});

test('a frame that cannot be read is sent again event by event until the bad one is alone', () => {
  const outbox = filled(3);
  outbox.next(1);
  outbox.onMalformed();
  expect(outbox.next(2)).toEqual(['e0']);
  expect(outbox.next(3)).toEqual([]);
  outbox.onAck(2, []);
  expect(outbox.next(3)).toEqual(['e1']);
  outbox.onMalformed();
  expect(outbox.next(4)).toEqual(['e2']);
  outbox.onAck(4, []);
  expect(outbox.counts).toMatchObject({ acknowledged: 2, dropped: { malformed: 1 } });
});

test('what the page takes with it when it goes is counted', () => {
  const outbox = filled(3);
  outbox.next(1);
  expect(outbox.onUnload()).toBe(3);
  expect(outbox.counts.dropped.unload).toBe(3);
  expect(outbox.pending).toBe(0);
});
