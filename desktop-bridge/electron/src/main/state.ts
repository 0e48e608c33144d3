/** What the supervisor knows, what it learns, and what it orders: see machine.ts. */

import { GRACE_MS } from "./policy.js";

export type Phase =
  | "stopped"
  | "starting"
  | "ready"
  | "crashed"
  | "backoff"
  | "stopping"
  | "updating"
  | "failed";

/** The next, less polite way to end the child. */
export type Step = "endInput" | "terminate" | "kill";

export interface State {
  readonly phase: Phase;
  /** Of the latest child; grows with each. */
  readonly generation: number;
  /** Whether a child may be alive. */
  readonly child: boolean;
  readonly adopted: boolean;
  /** Whether an answer is awaited. */
  readonly asked: boolean;
  readonly step: Step;
  /** Where a stop leads. */
  readonly then: "stopped" | "starting";
  readonly quitting: boolean;
  /** Starts in a row that came to nothing. */
  readonly attempt: number;
  readonly crashes: readonly number[];
  readonly readyAt: number;
  readonly deadline: number | null;
  readonly graceMs: number;
  /** Why it failed, as a sentence; empty otherwise. */
  readonly why: string;
}

export type Fact =
  | { readonly kind: "startAsked" | "stopAsked" | "restartAsked" | "updateAsked" }
  | { readonly kind: "quitAsked"; readonly pending: boolean }
  | { readonly kind: "timeCame" | "resumed" }
  | { readonly kind: "readyCame"; readonly generation: number; readonly adopted: boolean }
  | { readonly kind: "heard" | "linkLost"; readonly generation: number }
  | { readonly kind: "exited"; readonly generation: number; readonly code: number | null };

export type Command =
  | { readonly do: "spawn"; readonly generation: number }
  | { readonly do: "greet" | "ping" | "shutdown" | "endInput" | "terminate" | "kill" }
  | { readonly do: "leave" | "handOver" }
  | { readonly do: "reportCrash"; readonly code: number | null; readonly hung: boolean };

export type Result = readonly [State, readonly Command[]];
export type Rule = (state: State, fact: Fact, now: number, dice: number) => Result;

export function firstState(graceMs = GRACE_MS): State {
  return {
    phase: "stopped",
    generation: 0,
    child: false,
    adopted: false,
    asked: false,
    step: "endInput",
    then: "stopped",
    quitting: false,
    attempt: 0,
    crashes: [],
    readyAt: 0,
    deadline: null,
    graceMs,
    why: "",
  };
}
