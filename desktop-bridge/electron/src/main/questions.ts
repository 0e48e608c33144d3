/** Pairs questions to the daemon with its answers; none waits for ever. */

import type { ClientFrame, DaemonFrame } from "@sidespool/protocol";
import { encodeFrame } from "@sidespool/protocol";
import type { Link } from "./link.js";
import { ANSWER_MS } from "./policy.js";

type Asking = Exclude<ClientFrame, { op: "goodbye" }>;

export interface AskOptions {
  readonly deadlineMs?: number;
  /** Called with the answer's arrival, before any later frame is looked at. */
  readonly answered?: () => void;
}

export class Questions {
  #link: Link | undefined;
  readonly #open = new Map<number, (answer: DaemonFrame | undefined) => void>();

  constructor(private readonly nextId: () => number) {}

  /** Questions that have no answer yet. */
  get size(): number {
    return this.#open.size;
  }

  open(link: Link): void {
    this.#link = link;
  }

  /** Nobody will answer any more. */
  lost(): void {
    this.#link = undefined;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const answer of open) answer(undefined);
  }

  /** The answer, or undefined where there is no daemon, it went away, or it took too long. */
  ask(frame: Asking, options: AskOptions = {}): Promise<DaemonFrame | undefined> {
    const link = this.#link;
    if (link === undefined) {
      options.answered?.();
      return Promise.resolve(undefined);
    }
    const id = this.nextId();
    return new Promise((resolve) => {
      const deadlineMs = options.deadlineMs ?? ANSWER_MS;
      const timer = setTimeout(() => this.#answer(id, undefined), deadlineMs);
      this.#open.set(id, (answer) => {
        clearTimeout(timer);
        options.answered?.();
        resolve(answer);
      });
      link.send(encodeFrame({ ...frame, id }));
    });
  }

  /** True where it answered one of our questions. */
  onFrame(frame: DaemonFrame): boolean {
    return typeof frame.id === "number" && this.#answer(frame.id, frame);
  }

  #answer(id: number, answer: DaemonFrame | undefined): boolean {
    const found = this.#open.get(id);
    this.#open.delete(id);
    found?.(answer);
    return found !== undefined;
  }
}
