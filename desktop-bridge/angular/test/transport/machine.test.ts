import { expect, test } from 'vitest';

import type { Fact, State } from '../../src/lib/transport/machine';
import { FIRST, step } from '../../src/lib/transport/machine';
import { BACKOFF_MS_MAX, SILENCE_MS, STEP_DEADLINE_MS } from '../../src/lib/transport/policy';

/** The state after these facts, all at one moment; `line` is filled in. */
function after(facts: readonly (Fact['kind'] | 'found' | 'nowhere')[], from: State = FIRST): State {
  return facts.reduce((state, kind) => {
    const { line } = state;
    const fact =
      kind === 'found' || kind === 'nowhere'
        ? ({ kind: 'doorCame', line, found: kind === 'found' } as const)
        : ({ kind, line, expecting: true } as Fact);
    return step(state, fact, state.deadline ?? 0, 0.5)[0];
  }, from);
}

const OPEN = after(['startAsked', 'found', 'opened', 'welcomed']);

test('the first road is the socket', () => {
  expect(OPEN).toMatchObject({ phase: 'open', road: 'socket', deadline: null });
});

test('where the socket is forbidden the port is taken at once, and stays', () => {
  const port = after(['startAsked', 'found', 'forbidden', 'found']);
  expect(port).toMatchObject({ phase: 'opening', road: 'port' });
  expect(after(['opened', 'gone', 'timeCame', 'found'], port).road).toBe('port');
});

test('two sockets in a row without a welcome lead to the port, a failed port back to the socket', () => {
  const once = after(['startAsked', 'found', 'gone', 'timeCame', 'found']);
  expect(once.road).toBe('socket');
  const twice = after(['gone', 'timeCame', 'found'], once);
  expect(twice.road).toBe('port');
  expect(after(['gone', 'timeCame', 'found'], twice).road).toBe('socket');
});

test('a socket that was welcomed once and broke is no sign of a policy', () => {
  const again = after(['gone', 'timeCame', 'found', 'opened', 'welcomed', 'gone', 'timeCame', 'found'], OPEN);
  expect(again).toMatchObject({ phase: 'opening', road: 'socket' });
});

test('attempts become rarer, up to a bound, and a welcome forgives them', () => {
  let state = after(['startAsked', 'nowhere']);
  const delays: number[] = [];
  for (let at = 0; at < 12; at += 1) {
    const before = state.deadline ?? 0;
    state = after(['timeCame', 'nowhere'], state);
    delays.push((state.deadline ?? 0) - before);
  }
  expect(Math.max(...delays)).toBeLessThanOrEqual(BACKOFF_MS_MAX + STEP_DEADLINE_MS);
  expect(after(['timeCame', 'found', 'opened', 'welcomed'], state).attempt).toBe(0);
});

test('a daemon that came up is sought at once', () => {
  const waiting = after(['startAsked', 'nowhere']);
  expect(step(waiting, { kind: 'moved' }, 1, 0)[1]).toEqual([{ do: 'seek', line: 2 }]);
});

test('a line on which an answer is overdue is closed', () => {
  const asked = step(OPEN, { kind: 'sent', line: 1, expecting: true }, 0, 0)[0];
  expect(asked.deadline).toBe(SILENCE_MS);
  const [state, commands] = step(asked, { kind: 'timeCame' }, SILENCE_MS, 0);
  expect(state.phase).toBe('waiting');
  expect(commands).toEqual([{ do: 'close' }]);
});

test('a machine that slept gives the daemon its time again', () => {
  const asked = step(OPEN, { kind: 'sent', line: 1, expecting: true }, 0, 0)[0];
  const [state] = step(asked, { kind: 'timeCame' }, SILENCE_MS * 100, 0);
  expect(state.phase).toBe('open');
});

test('an answer with nothing else awaited rests the clock', () => {
  const asked = step(OPEN, { kind: 'sent', line: 1, expecting: true }, 0, 0)[0];
  expect(step(asked, { kind: 'heard', line: 1, expecting: false }, 5, 0)[0].deadline).toBeNull();
});
