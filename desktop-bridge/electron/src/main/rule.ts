/** The single transitions of the supervisor; machine.ts says which applies when. */

import {
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  CRASHES_MAX,
  CRASH_WINDOW_MS,
  END_INPUT_MS,
  GRACE_MARGIN_MS,
  KILL_MS,
  LATE_MS,
  PING_DEADLINE_MS,
  PING_EVERY_MS,
  READY_DEADLINE_MS,
  RESUME_DEADLINE_MS,
  STABLE_MS,
  TERMINATE_MS,
} from "./policy.js";
import type { Phase, Result, Rule, State } from "./state.js";

/** In this phase, with nothing due. */
function at(state: State, phase: Phase, change: Partial<State> = {}): State {
  return { ...state, phase, deadline: null, asked: false, quitting: false, why: "", ...change };
}

export const change =
  (members: Partial<State>): Rule =>
  (state) => [{ ...state, ...members }, []];

export const go =
  (phase: Phase): Rule =>
  (state) => [at(state, phase), []];

// -- starting --------------------------------------------------------------------------------

export const spawn: Rule = (state, _fact, now) => {
  const generation = state.generation + 1;
  const deadline = now + READY_DEADLINE_MS;
  const started = { generation, child: true, adopted: false, then: "stopped", deadline } as const;
  return [at(state, "starting", started), [{ do: "spawn", generation }]];
};

/** Asked for by the app: earlier crashes are forgotten. */
export const spawnAfresh: Rule = (state, fact, now, dice) =>
  spawn({ ...state, attempt: 0, crashes: [] }, fact, now, dice);

/** Starts, or remembers to start as soon as the child before is gone. */
export const spawnWhenFree: Rule = (state, fact, now, dice) =>
  state.child ? [{ ...state, then: "starting" }, []] : spawnAfresh(state, fact, now, dice);

export const becomeReady: Rule = (state, fact, now) => {
  const adopted = fact.kind === "readyCame" && fact.adopted;
  const known = { adopted, readyAt: now, deadline: now + PING_EVERY_MS };
  return [at(state, "ready", known), [{ do: "greet" }]];
};

// -- crashes ---------------------------------------------------------------------------------

/** Waits before the next start: exponential, half of it by dice. */
function backOff(state: State, now: number, dice: number): State {
  const full = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(state.attempt, 16), BACKOFF_MS_MAX);
  const deadline = now + full / 2 + (dice * full) / 2;
  return at(state, "backoff", { adopted: false, attempt: state.attempt + 1, deadline });
}

function forgiven(state: State, now: number): State {
  const stable = state.phase === "ready" && now - state.readyAt >= STABLE_MS;
  return stable ? { ...state, attempt: 0, crashes: [] } : state;
}

/** The child is gone without having been asked. */
function fall(state: State, code: number | null, now: number, dice: number): State {
  const gone = { ...forgiven(state, now), child: false };
  if (code === 2) return at(gone, "failed", { why: "the settings are wrong" });
  if (code === 3) return at(gone, "failed", { why: "the data directory cannot be used" });
  const recent = gone.crashes.filter((then) => now - then < CRASH_WINDOW_MS);
  const crashes = [...recent, now];
  if (crashes.length > CRASHES_MAX) {
    return at(gone, "failed", { crashes, why: "it crashed too often" });
  }
  return backOff({ ...gone, crashes }, now, dice);
}

export const exited: Rule = (state, fact, now, dice) => {
  if (state.adopted) return [{ ...state, child: false }, []]; // it only told of the other daemon
  const code = fact.kind === "exited" ? fact.code : null;
  return [fall(state, code, now, dice), [{ do: "reportCrash", code, hung: false }]];
};

/** It was killed: its exit code says nothing. */
export const exitedAtLast: Rule = (state, _fact, now, dice) => [fall(state, null, now, dice), []];

/** The other instance's daemon is gone: no crash of ours. */
export const lost: Rule = (state, _fact, now, dice) =>
  state.adopted ? [backOff(forgiven(state, now), now, dice), [{ do: "leave" }]] : [state, []];

const hung: Rule = (state, _fact, now) => {
  const next = at(forgiven(state, now), "crashed", { step: "kill", deadline: now + TERMINATE_MS });
  return [next, [{ do: "reportCrash", code: null, hung: true }, { do: "terminate" }]];
};

export const killAgain: Rule = (state, _fact, now) => [
  { ...state, deadline: now + KILL_MS },
  [{ do: "kill" }],
];

/** The back-off is over; a child that should have left by now is made to. */
export const tryAgain: Rule = (state, fact, now, dice) =>
  state.child ? killAgain(state, fact, now, dice) : spawn(state, fact, now, dice);

/** The settings changed, so waiting has lost its reason. */
export const tryNow: Rule = (state, _fact, now) => [
  { ...state, attempt: 0, crashes: [], deadline: now },
  [],
];

// -- signs of life ---------------------------------------------------------------------------

function ask(state: State, deadline: number): Result {
  return [{ ...state, asked: true, deadline }, [{ do: "ping" }]];
}

export const heard: Rule = (state, _fact, now) => [
  { ...state, asked: false, deadline: now + PING_EVERY_MS },
  [],
];

export const askAfterSleep: Rule = (state, _fact, now) => ask(state, now + RESUME_DEADLINE_MS);

/** A timer that fires far too late tells of a sleep or a blocked process, not of a hung daemon. */
const slept = (state: State, now: number): boolean => now - (state.deadline ?? now) > LATE_MS;

export const silence: Rule = (state, fact, now, dice) => {
  if (!state.asked || slept(state, now)) return ask(state, now + PING_DEADLINE_MS);
  return state.adopted ? lost(state, fact, now, dice) : hung(state, fact, now, dice);
};

export const overdue: Rule = (state, fact, now, dice) =>
  slept(state, now)
    ? [{ ...state, deadline: now + READY_DEADLINE_MS }, []]
    : hung(state, fact, now, dice);

// -- stopping --------------------------------------------------------------------------------

/** Asked to end while no daemon of ours is at work. */
export const stopWaiting =
  (phase: "stopping" | "updating"): Rule =>
  (state, _fact, now) => [left(state, phase, now), []];

/** Asked to end: politely first, see `escalate`. An adopted daemon is only left. */
export const stop =
  (phase: "stopping" | "updating", then: State["then"]): Rule =>
  (state, _fact, now) => {
    if (state.adopted) return [left(state, phase, now), [{ do: "leave" }]];
    const deadline = now + state.graceMs + GRACE_MARGIN_MS;
    return [at(state, phase, { step: "endInput", then, deadline }), [{ do: "shutdown" }]];
  };

/** The child that named the other daemon ends by itself, and is made to if it does not. */
function left(state: State, phase: "stopping" | "updating", now: number): State {
  const known = { adopted: false, then: "stopped" } as const;
  if (!state.child) return at(state, phase === "updating" ? phase : "stopped", known);
  return at(state, phase, { ...known, step: "kill", deadline: now + TERMINATE_MS });
}

export const restart: Rule = (state, fact, now, dice) =>
  state.adopted
    ? [{ ...backOff(state, now, dice), attempt: 0, deadline: now }, [{ do: "leave" }]]
    : stop("stopping", "starting")(state, fact, now, dice);

/** shutdown (sent already) → end of input → SIGTERM → SIGKILL */
export const escalate: Rule = (state, fact, now, dice) => {
  switch (state.step) {
    case "endInput":
      return [{ ...state, step: "terminate", deadline: now + END_INPUT_MS }, [{ do: "endInput" }]];
    case "terminate":
      return [{ ...state, step: "kill", deadline: now + TERMINATE_MS }, [{ do: "terminate" }]];
    case "kill":
      return killAgain(state, fact, now, dice);
  }
};

/** The child that was asked to end is gone. */
export const ended: Rule = (state, fact, now, dice) => {
  const phase = state.phase === "updating" ? "updating" : "stopped";
  const gone = at(state, phase, { child: false });
  return state.then === "starting" ? spawnAfresh(gone, fact, now, dice) : [gone, []];
};

/** The update was called off, and so is the daemon. */
export const endOfUpdate: Rule = (state) => [
  { ...state, phase: state.child ? "stopping" : "stopped", then: "stopped" },
  [],
];

// -- the app quits ---------------------------------------------------------------------------

/** The app waits for nobody; the daemon ends by itself when its input ends. */
export const handOver: Rule = (state) => [
  at(state, "stopping", { then: "stopped", quitting: true }),
  [{ do: "handOver" }],
];

/** No daemon, but events: one more is started, fed through its input, and left to itself. */
export const handOverToNew: Rule = (state, fact, now, dice) => {
  const pending = fact.kind === "quitAsked" && fact.pending;
  if (!pending || state.child) return [left(state, "stopping", now), []];
  const [started, spawned] = spawn(state, fact, now, dice);
  const [next, commands] = handOver(started, fact, now, dice);
  return [next, [...spawned, ...commands]];
};

/** Another instance's daemon answered while this one was quitting: it takes the events. */
export const adoptAtLast: Rule = (state, fact) =>
  state.quitting && fact.kind === "readyCame" && fact.adopted
    ? [{ ...state, adopted: true }, [{ do: "greet" }]]
    : [state, []];
