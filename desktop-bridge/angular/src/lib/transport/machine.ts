/**
 * Decides by which road the page speaks with the daemon, and when to try again.
 *
 *     idle ──▶ seeking ──▶ opening ──▶ greeting ──▶ open
 *                ▲  │         │           │           │
 *                │  ▼         ▼           ▼           ▼
 *               waiting ◀─────────────────────────────┘        closed: only a new start leaves it
 *
 * Pure: `(state, fact, now, dice) → [state, commands]`, with `now` in milliseconds of a monotonic
 * clock and `dice` in [0, 1). Rules:
 *
 * 1. At most one line: `open` comes only after the line before was closed or had gone.
 * 2. Facts carry the number of the line they tell of; those of an older one change nothing.
 * 3. A line begins with the question where the daemon is: address and token change with it.
 * 4. The road is a WebSocket. Where a policy forbids it, or it failed twice in a row without a
 *    welcome, the road is a port through the main process. A port that fails leads back to the
 *    socket, unless that is known to be forbidden.
 * 5. Whenever something must happen by itself, `deadline` says when `timeCame` is due.
 */

import {
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  LATE_MS,
  SILENCE_MS,
  SOCKET_MISSES_MAX,
  STEP_DEADLINE_MS,
} from './policy';

export type Road = 'socket' | 'port';
export type Phase = 'idle' | 'seeking' | 'opening' | 'greeting' | 'open' | 'waiting' | 'closed';

export interface State {
  readonly phase: Phase;
  readonly road: Road;
  /** Number of the latest line; grows with each. */
  readonly line: number;
  /** Attempts in a row that came to nothing. */
  readonly attempt: number;
  /** Sockets in a row that were never welcomed. */
  readonly misses: number;
  readonly forbidden: boolean;
  readonly deadline: number | null;
}

export type Fact =
  | { readonly kind: 'startAsked' | 'stopAsked' | 'timeCame' }
  /** The daemon came up, or moved. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'doorCame'; readonly line: number; readonly found: boolean }
  | { readonly kind: 'opened' | 'welcomed' | 'gone' | 'forbidden'; readonly line: number }
  /** Something was sent or heard; `expecting`: an answer is still awaited. */
  | { readonly kind: 'sent' | 'heard'; readonly line: number; readonly expecting: boolean };

export type Command =
  | { readonly do: 'seek' | 'greet'; readonly line: number }
  | { readonly do: 'open'; readonly line: number; readonly road: Road }
  | { readonly do: 'close' };

export type Result = readonly [State, readonly Command[]];

export const FIRST: State = {
  phase: 'idle',
  road: 'socket',
  line: 0,
  attempt: 0,
  misses: 0,
  forbidden: false,
  deadline: null,
};

/** One step; a fact that means nothing in this phase, or tells of an older line, changes nothing. */
export function step(state: State, fact: Fact, now: number, dice: number): Result {
  if ('line' in fact && fact.line !== state.line) return [state, []];
  switch (fact.kind) {
    case 'startAsked':
      return state.phase === 'idle' || state.phase === 'closed' ? seek(FRESH(state), now) : [state, []];
    case 'stopAsked':
      return [{ ...state, phase: 'closed', deadline: null }, hasLine(state) ? [CLOSE] : []];
    case 'moved':
      return moved(state, now);
    case 'timeCame':
      return timeCame(state, now, dice);
    case 'doorCame':
      if (state.phase !== 'seeking') return [state, []];
      return fact.found ? open(state, now) : [backOff(state, now, dice), []];
    case 'opened':
      if (state.phase !== 'opening') return [state, []];
      return [
        { ...state, phase: 'greeting', deadline: now + STEP_DEADLINE_MS },
        [{ do: 'greet', line: state.line }],
      ];
    case 'welcomed':
      return state.phase === 'greeting' ? [welcomed(state), []] : [state, []];
    case 'gone':
      return hasLine(state) ? [backOff(missed(state), now, dice), []] : [state, []];
    case 'forbidden':
      return forbidden(state, now);
    case 'sent':
      if (state.phase !== 'open' || state.deadline !== null || !fact.expecting) return [state, []];
      return [{ ...state, deadline: now + SILENCE_MS }, []];
    case 'heard':
      if (state.phase !== 'open') return [state, []];
      return [{ ...state, deadline: fact.expecting ? now + SILENCE_MS : null }, []];
  }
}

const CLOSE: Command = { do: 'close' };
const FRESH = (state: State): State => ({ ...FIRST, line: state.line });

const hasLine = ({ phase }: State): boolean =>
  phase === 'opening' || phase === 'greeting' || phase === 'open';

function seek(state: State, now: number): Result {
  const line = state.line + 1;
  const next: State = { ...state, phase: 'seeking', line, deadline: now + STEP_DEADLINE_MS };
  return [next, [{ do: 'seek', line }]];
}

function open(state: State, now: number): Result {
  const road: Road = state.forbidden || state.misses >= SOCKET_MISSES_MAX ? 'port' : 'socket';
  const next: State = { ...state, phase: 'opening', road, deadline: now + STEP_DEADLINE_MS };
  return [next, [{ do: 'open', line: state.line, road }]];
}

function welcomed(state: State): State {
  const misses = state.road === 'socket' ? 0 : state.misses;
  return { ...state, phase: 'open', attempt: 0, misses, deadline: null };
}

/** A line that ended: what it teaches about its road. */
function missed(state: State): State {
  if (state.phase === 'open') return state.road === 'port' ? { ...state, misses: 0 } : state;
  return { ...state, misses: state.road === 'socket' ? state.misses + 1 : 0 };
}

/** Waits before the next attempt: exponential, half of it by dice. */
function backOff(state: State, now: number, dice: number): State {
  const full = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(state.attempt, 16), BACKOFF_MS_MAX);
  const deadline = now + full / 2 + (dice * full) / 2;
  return { ...state, phase: 'waiting', attempt: state.attempt + 1, deadline };
}

function moved(state: State, now: number): Result {
  if (state.phase === 'idle' || state.phase === 'closed') return [state, []];
  const [next, commands] = seek({ ...state, attempt: 0 }, now);
  return [next, hasLine(state) ? [CLOSE, ...commands] : commands];
}

function forbidden(state: State, now: number): Result {
  if (!hasLine(state) || state.road !== 'socket') return [state, []];
  const [next, commands] = seek({ ...state, forbidden: true }, now);
  return [next, [CLOSE, ...commands]];
}

function timeCame(state: State, now: number, dice: number): Result {
  if (state.deadline === null || now < state.deadline) return [state, []];
  if (state.phase === 'waiting') return seek(state, now);
  if (now - state.deadline > LATE_MS) {
    const again = state.phase === 'open' ? SILENCE_MS : STEP_DEADLINE_MS;
    return [{ ...state, deadline: now + again }, []];
  }
  return [backOff(missed(state), now, dice), hasLine(state) ? [CLOSE] : []];
}
