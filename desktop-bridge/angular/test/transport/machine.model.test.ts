/** For any facts at any times: one line at a time, no dead end, and closed means closed. */

import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Fact, State } from '../../src/lib/transport/machine';
import { FIRST, step } from '../../src/lib/transport/machine';
import { BACKOFF_MS_MAX } from '../../src/lib/transport/policy';

interface Given {
  readonly kind: Fact['kind'];
  /** How old the line is that the fact tells of. */
  readonly age: number;
  readonly yes: boolean;
  readonly wait: number;
  readonly dice: number;
}

const given: fc.Arbitrary<Given> = fc.record({
  kind: fc.constantFrom<Fact['kind'][]>(
    ...(['startAsked', 'stopAsked', 'timeCame', 'moved', 'doorCame', 'opened'] as const),
    ...(['welcomed', 'gone', 'forbidden', 'sent', 'heard'] as const),
  ),
  age: fc.nat({ max: 2 }),
  yes: fc.boolean(),
  wait: fc.nat({ max: 40_000 }),
  dice: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

const toFact = ({ kind, age, yes }: Given, state: State): Fact =>
  ({ kind, line: state.line - age, found: yes, expecting: yes }) as Fact;

test('whatever happens', () => {
  fc.assert(
    fc.property(fc.array(given, { maxLength: 150 }), (all) => {
      let state = FIRST;
      let now = 0;
      let lineOpen = false;
      let forbidden = false;
      for (const one of all) {
        now += one.wait;
        const fact = toFact(one, state);
        const before = state;
        // What the caller makes untrue by itself: a line it was told is gone is not open.
        if (fact.kind === 'gone' && fact.line === state.line) lineOpen = false;
        const [next, commands] = step(state, fact, now, one.dice);
        if (fact.kind === 'startAsked' && next !== before) forbidden = false;
        state = next;
        forbidden ||= state.forbidden;
        for (const command of commands) {
          if (command.do === 'open') {
            expect(lineOpen).toBe(false);
            if (forbidden) expect(command.road).toBe('port');
            lineOpen = true;
          } else if (command.do === 'close') {
            expect(lineOpen).toBe(true);
            lineOpen = false;
          }
          if ('line' in command) expect(command.line).toBe(state.line);
        }
        expect(state.line).toBeGreaterThanOrEqual(before.line);
        expect(lineOpen).toBe(['opening', 'greeting', 'open'].includes(state.phase));
        if (['seeking', 'opening', 'greeting', 'waiting'].includes(state.phase)) {
          expect(state.deadline).not.toBeNull();
          expect((state.deadline ?? 0) - now).toBeLessThanOrEqual(BACKOFF_MS_MAX);
        }
        if (before.phase === 'closed' && fact.kind !== 'startAsked') {
          expect(state.phase).toBe('closed');
          expect(commands.filter((command) => command.do !== 'close')).toEqual([]);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('from any state, a daemon that answers is reached within the bounds', () => {
  fc.assert(
    fc.property(fc.array(given, { maxLength: 60 }), fc.boolean(), (all, socketsWork) => {
      let now = 0;
      let state = FIRST;
      for (const one of all) {
        now += one.wait;
        [state] = step(state, toFact(one, state), now, one.dice);
      }
      [state] = step(state, { kind: 'startAsked' }, now, 0.5);
      for (let turn = 0; turn < 40 && state.phase !== 'open'; turn += 1) {
        const { line, phase } = state;
        const works = socketsWork || state.road === 'port';
        const fact: Fact =
          phase === 'seeking'
            ? { kind: 'doorCame', line, found: true }
            : phase === 'opening'
              ? { kind: works ? 'opened' : 'gone', line }
              : phase === 'greeting'
                ? { kind: 'welcomed', line }
                : { kind: 'timeCame' };
        now = Math.max(now, state.deadline ?? now);
        [state] = step(state, fact, now, 0.5);
      }
      expect(state.phase).toBe('open');
    }),
    { numRuns: 300 },
  );
});
