/** Acts for the machine: starts and ends the child, sets the timer, tells it what happened. */

import type { DaemonFrame, ReadyLine } from "@sidespool/protocol";
import { decodeFrame, decodeReadyLine } from "@sidespool/protocol";
import type { Child, ChildEvents } from "./child.js";
import type { Link, LinkEvents } from "./link.js";
import { step } from "./machine.js";
import type { Command, Fact, Phase, State } from "./state.js";
import { firstState } from "./state.js";

/** What the supervisor needs of the world. */
export interface World {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  dice(): number;
  /** Starts the sidecar with the settings of this moment. */
  launch(events: ChildEvents): Child;
  connect(ready: ReadyLine, events: LinkEvents): Link;
}

/** What it tells; none may throw. */
export interface SupervisorEvents {
  /** A connection stands, `early` before the daemon has said that it is ready (at quit only). */
  onLink(link: Link, early: boolean): void;
  /** The connection is gone: what was not acknowledged has to be sent again. */
  onLinkLost(): void;
  onFrame(frame: DaemonFrame): void;
  onPing(link: Link): void;
  onShutdown(link: Link): void;
  /** The phase changed, or the child is gone. */
  onPhase(phase: Phase): void;
  onCrash(code: number | null, hung: boolean): void;
  onErrorLine(line: string): void;
}

const TIMER_MS_MIN = 20;

export class Supervisor {
  /** The daemon's ready line, while it is ready. */
  ready: ReadyLine | undefined;
  #state: State;
  #child: Child | undefined;
  #link: Link | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = Infinity;

  constructor(
    private readonly world: World,
    private readonly events: SupervisorEvents,
    graceMs?: number,
  ) {
    this.#state = firstState(graceMs);
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  /** Why it failed, as a sentence. */
  get why(): string {
    return this.#state.why;
  }

  /** Of the latest child; with each the doors move. */
  get generation(): number {
    return this.#state.generation;
  }

  get pid(): number | undefined {
    return this.#state.child ? this.#child?.pid : undefined;
  }

  /** Whether this is the connection of this moment. */
  uses(link: Link): boolean {
    return link === this.#link;
  }

  /** Something happened; what the machine orders is done before this returns. */
  tell(fact: Fact): void {
    const before = this.#state;
    const [state, commands] = step(this.#state, fact, this.world.now(), this.world.dice());
    this.#state = state;
    if (before.phase === "ready" && state.phase !== "ready") this.ready = undefined;
    for (const command of commands) this.#obey(command);
    // While it is being asked to end, a child may still answer.
    const talks = state.phase === "stopping" || state.phase === "updating";
    if (state.phase !== "ready" && !(talks && state.child)) this.#dropLink();
    this.#arm();
    const gone = before.child && !state.child;
    if (state.phase !== before.phase || gone) this.events.onPhase(state.phase);
  }

  /** Ends the daemon's input, or leaves another's daemon: the last act of an app that quits. */
  letGo(): void {
    this.#link?.close();
    this.#child?.close();
  }

  #dropLink(): void {
    if (this.#link === undefined) return;
    this.#link = undefined;
    this.events.onLinkLost();
  }

  #obey(command: Command): void {
    switch (command.do) {
      case "spawn":
        return this.#spawn(command.generation);
      case "greet":
        return this.#greet();
      case "ping":
        return this.#link && this.events.onPing(this.#link);
      case "shutdown":
        return this.#shutdown();
      case "handOver":
        return this.#openEarly();
      case "leave":
        return this.#leave();
      case "endInput":
        return this.#child?.close();
      case "terminate":
        return this.#child?.terminate();
      case "kill":
        return this.#child?.kill();
      case "reportCrash":
        return this.events.onCrash(command.code, command.hung);
    }
  }

  #spawn(generation: number): void {
    this.#dropLink();
    this.ready = undefined;
    const onExit = (code: number | null): void => this.tell({ kind: "exited", generation, code });
    try {
      this.#child = this.world.launch({
        onLine: (line) => this.#onLine(generation, line),
        onErrorLine: (line) => this.events.onErrorLine(line),
        onExit,
      });
    } catch (error) {
      this.#child = undefined;
      this.events.onErrorLine(`the sidecar could not be started: ${String(error)}`);
      setImmediate(onExit, null);
    }
  }

  #onLine(generation: number, line: string): void {
    if (generation !== this.#state.generation) return;
    const ready = this.ready === undefined ? decodeReadyLine(line) : undefined;
    if (ready === undefined) return this.#onText(generation, line);
    this.ready = ready;
    if (ready.already_running !== true && ready.pid !== this.#child?.pid) {
      // The pipe proves that it is ours; but what we would kill is only its wrapper.
      this.events.onErrorLine("the sidecar is wrapped in another process: use its own executable");
    }
    this.tell({ kind: "readyCame", generation, adopted: ready.already_running === true });
  }

  #onText(generation: number, text: string): void {
    if (generation !== this.#state.generation) return;
    const frame = decodeFrame(text);
    if (frame === undefined) return;
    this.tell({ kind: "heard", generation });
    this.events.onFrame(frame);
  }

  /** Through the child's own pipes, which nobody else holds; or to the daemon that it named. */
  #greet(): void {
    const { ready } = this;
    if (ready === undefined || this.#child === undefined) return;
    const generation = this.#state.generation;
    if (!this.#state.adopted) this.#link = this.#child;
    else {
      const events = {
        onText: (text: string) => this.#onText(generation, text),
        onEnd: () => this.tell({ kind: "linkLost", generation }),
      };
      this.#link = this.world.connect(ready, events);
    }
    this.events.onLink(this.#link, false);
  }

  /** The input of a child that is not ready yet is a queue that it will read. */
  #openEarly(): void {
    if (this.#link !== undefined || this.#child === undefined) return;
    this.#link = this.#child;
    this.events.onLink(this.#link, true);
  }

  #shutdown(): void {
    this.#openEarly();
    if (this.#link !== undefined) this.events.onShutdown(this.#link);
  }

  #leave(): void {
    this.#link?.close();
    this.#dropLink();
  }

  /** One timer for whatever is due next; a later deadline lets an earlier timer run. */
  #arm(): void {
    const { deadline } = this.#state;
    if (deadline === null || deadline >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = deadline;
    const delay = Math.max(deadline - this.world.now(), TIMER_MS_MIN);
    this.#timer = setTimeout(() => {
      this.#due = Infinity;
      this.tell({ kind: "timeCame" });
    }, delay);
  }
}
