/**
 * Decides when the sidecar is started, asked, stopped and given up.
 *
 *     stopped ──▶ starting ──▶ ready ──▶ stopping ──▶ stopped
 *                  ▲   │         │  └──▶ updating      (nothing runs, files may be replaced)
 *                  │   ▼         ▼
 *               backoff ◀──── crashed ──▶ failed       (wrong settings, or too many crashes)
 *
 * Pure: `(state, fact, now, dice) → [state, commands]`, with `now` in milliseconds of a monotonic
 * clock and `dice` in [0, 1). Rules:
 *
 * 1. At most one child: `spawn` comes only when the child before has exited.
 * 2. Facts carry the generation of the child they tell of; those of an older one change nothing.
 * 3. Whenever something must happen by itself, `deadline` says when `timeCame` is due.
 * 4. Exit codes 2 (settings) and 3 (data directory) are not tried again until asked.
 * 5. A daemon that another instance of the app started is adopted: used and left, never ended.
 */

import {
  adoptAtLast,
  askAfterSleep,
  becomeReady,
  change,
  endOfUpdate,
  ended,
  escalate,
  exited,
  exitedAtLast,
  go,
  handOver,
  handOverToNew,
  heard,
  killAgain,
  lost,
  overdue,
  restart,
  silence,
  spawnAfresh,
  spawnWhenFree,
  stop,
  stopWaiting,
  tryAgain,
  tryNow,
} from "./rule.js";
import type { Fact, Phase, Result, Rule, State } from "./state.js";

type Row = Partial<Record<Fact["kind"], Rule>>;

/** Where a child is at work. */
const atWork: Row = {
  exited,
  linkLost: lost,
  stopAsked: stop("stopping", "stopped"),
  updateAsked: stop("updating", "stopped"),
  restartAsked: restart,
  quitAsked: handOver,
};

/** Where a stop is asked for a child that is being killed already. */
const dying: Row = {
  stopAsked: change({ phase: "stopping", then: "stopped" }),
  updateAsked: change({ phase: "updating", then: "stopped" }),
  quitAsked: change({ phase: "stopping", then: "stopped" }),
};

/** Where nothing runs and nothing will by itself. */
const idle: Row = {
  startAsked: spawnWhenFree,
  stopAsked: change({ phase: "stopped", then: "stopped", why: "" }),
  updateAsked: change({ phase: "updating", then: "stopped", why: "" }),
  exited: ended,
};

const TABLE: Record<Phase, Row> = {
  stopped: idle,
  starting: { ...atWork, readyCame: becomeReady, timeCame: overdue },
  ready: { ...atWork, heard, timeCame: silence, resumed: askAfterSleep },
  crashed: { ...dying, exited: exitedAtLast, timeCame: killAgain },
  backoff: {
    exited: change({ child: false }),
    timeCame: tryAgain,
    startAsked: tryNow,
    restartAsked: tryNow,
    stopAsked: stopWaiting("stopping"),
    updateAsked: stopWaiting("updating"),
    quitAsked: handOverToNew,
  },
  stopping: {
    ...dying,
    exited: ended,
    timeCame: escalate,
    readyCame: adoptAtLast,
    startAsked: change({ then: "starting" }),
    quitAsked: handOver,
  },
  updating: { ...idle, timeCame: escalate, stopAsked: endOfUpdate },
  failed: { ...idle, restartAsked: spawnAfresh, quitAsked: go("stopped") },
};

/** One step; a fact that means nothing now, or tells of an older child, changes nothing. */
export function step(state: State, fact: Fact, now: number, dice: number): Result {
  if ("generation" in fact && fact.generation !== state.generation) return [state, []];
  const early = state.deadline === null || now < state.deadline;
  if (fact.kind === "timeCame" && early) return [state, []];
  return TABLE[state.phase][fact.kind]?.(state, fact, now, dice) ?? [state, []];
}
