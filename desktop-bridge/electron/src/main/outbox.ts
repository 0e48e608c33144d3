/**
 * Keeps events in order from `emit` to the daemon's acknowledgement, across its starts and crashes.
 *
 *     push ─▶ fresh ──next turn──▶ waiting ──link open──▶ in flight ──ack──▶ forgotten
 *             (objects)            (encoded, with ids)        └──link lost──▶ waiting, in front
 *
 * `push` is the caller's whole cost. An event gets its id when it is encoded and keeps it, so a
 * second delivery doubles nothing. Bounded in events and characters: the oldest waiting give way.
 */

import type { AckFrame, LossReason } from "@sidespool/protocol";
import { encodeFrame } from "@sidespool/protocol";
import type { Link } from "./link.js";
import {
  BUFFER_CHARS_MAX,
  BUFFER_EVENTS_MAX,
  EVENT_CHARS_MAX,
  FRAMES_IN_FLIGHT_MAX,
  FRAME_CHARS_MAX,
  FRAME_EVENTS_MAX,
} from "./policy.js";
import { Queue } from "./queue.js";

/** What became of events; see `stats`. */
export interface OutboxStats {
  emitted: number;
  acknowledged: number;
  resent: number;
  /** By the daemon, for each of its reasons. */
  readonly rejected: Record<string, number>;
  /** Here: `overflow`, `invalid`, `too_large`, `before_send`. */
  readonly dropped: Record<string, number>;
}

export interface OutboxOptions<Fresh> {
  /** The finished event; null drops it; may throw. */
  complete(fresh: Fresh): object | null;
  nextId(): number;
  /** Runs it soon, outside the caller's turn. */
  soon(work: () => void): void;
  eventsMax?: number | undefined;
  /** Called with events that were given up here; not with those that the app's own filter drops. */
  onLoss?: (reason: LossReason, events: number) => void;
}

export class Outbox<Fresh> {
  readonly stats: OutboxStats = {
    emitted: 0,
    acknowledged: 0,
    resent: 0,
    rejected: {},
    dropped: {},
  };
  #fresh: Fresh[] = [];
  #scheduled = false;
  readonly #waiting = new Queue<string>();
  #waitingChars = 0;
  readonly #inFlight = new Map<number, readonly string[]>();
  #inFlightEvents = 0;
  #link: Link | undefined;
  #drained: (() => void)[] = [];
  readonly #eventsMax: number;

  constructor(private readonly options: OutboxOptions<Fresh>) {
    this.#eventsMax = options.eventsMax ?? BUFFER_EVENTS_MAX;
  }

  /** Events not yet acknowledged. */
  get size(): number {
    return this.#fresh.length + this.#waiting.size + this.#inFlightEvents;
  }

  push(fresh: Fresh): void {
    this.#fresh.push(fresh);
    if (this.#scheduled) {
      if (this.#fresh.length >= this.#eventsMax) this.flush();
      return;
    }
    this.#scheduled = true;
    this.options.soon(() => {
      if (this.#scheduled) this.flush();
    });
  }

  /** Takes in an event that has its id and time already; `flush` sends it. */
  adopt(event: object): void {
    this.stats.emitted += 1;
    this.#keep(() => event);
  }

  /** Encodes and sends what can be sent now. */
  flush(): void {
    this.#scheduled = false;
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const one of fresh) this.#encode(one);
    this.#send();
    this.#tellDrained();
  }

  /** A connection stands: everything that waits goes out over it, in order. */
  open(link: Link): void {
    this.lost();
    this.#link = link;
    this.flush();
  }

  /** The connection is gone: what it carried comes first on the next. */
  lost(): void {
    this.#link = undefined;
    const returned = [...this.#inFlight.values()].flat();
    this.#inFlight.clear();
    this.#inFlightEvents = 0;
    this.stats.resent += returned.length;
    for (const text of returned) this.#waitingChars += text.length;
    this.#waiting.prepend(returned);
    this.#shrink();
  }

  /** True where the answer was to one of our frames. */
  onAck(frame: AckFrame): boolean {
    const sent = typeof frame.id === "number" ? this.#inFlight.get(frame.id) : undefined;
    if (sent === undefined) return false;
    this.#forget(frame.id as number, sent);
    const rejected = frame.rejected ?? [];
    for (const { reason } of rejected) count(this.stats.rejected, reason);
    this.stats.acknowledged += sent.length - rejected.length;
    this.#send();
    this.#tellDrained();
    return true;
  }

  /** True where the daemon refused one of our frames as a whole: it would refuse it again. */
  onRefused(id: unknown, reason: string): boolean {
    const sent = typeof id === "number" ? this.#inFlight.get(id) : undefined;
    if (sent === undefined) return false;
    this.#forget(id as number, sent);
    for (const _ of sent) count(this.stats.rejected, reason);
    this.#send();
    this.#tellDrained();
    return true;
  }

  /** Resolves when everything emitted so far is acknowledged or given up. */
  drained(): Promise<void> {
    this.flush();
    return this.size === 0 ? Promise.resolve() : new Promise((done) => this.#drained.push(done));
  }

  #forget(id: number, sent: readonly string[]): void {
    this.#inFlight.delete(id);
    this.#inFlightEvents -= sent.length;
  }

  #tellDrained(): void {
    if (this.size > 0 || this.#drained.length === 0) return;
    for (const done of this.#drained.splice(0)) done();
  }

  #encode(fresh: Fresh): void {
    this.stats.emitted += 1;
    this.#keep(() => this.options.complete(fresh));
  }

  #keep(complete: () => object | null): void {
    const text = this.#text(complete);
    if (text === undefined) return;
    this.#waiting.append(text);
    this.#waitingChars += text.length;
    this.#shrink();
  }

  #text(complete: () => object | null): string | undefined {
    try {
      const event = complete();
      if (event === null) return void count(this.stats.dropped, "before_send");
      // An event is encoded as frames are: half a surrogate pair would spoil the whole frame.
      const text = encodeFrame(event as never);
      if (text.length <= EVENT_CHARS_MAX) return text;
      return this.#lose("too_large", "client_unreadable");
    } catch {
      return this.#lose("invalid", "client_unreadable"); // a circular object, a BigInt, a getter
    }
  }

  #lose(cause: string, reason: LossReason): undefined {
    count(this.stats.dropped, cause);
    this.options.onLoss?.(reason, 1);
  }

  #shrink(): void {
    const room = this.#eventsMax - this.#inFlightEvents;
    while (this.#waiting.size > room || this.#waitingChars > BUFFER_CHARS_MAX) {
      const oldest = this.#waiting.shift();
      if (oldest === undefined) return;
      this.#waitingChars -= oldest.length;
      this.#lose("overflow", "client_overflow");
    }
  }

  #send(): void {
    const link = this.#link;
    if (link === undefined) return;
    while (this.#waiting.size > 0 && this.#inFlight.size < FRAMES_IN_FLIGHT_MAX) {
      const texts = this.#nextFrame();
      const id = this.options.nextId();
      this.#inFlight.set(id, texts);
      this.#inFlightEvents += texts.length;
      link.send(`{"op":"emit","id":${id},"events":[${texts.join(",")}]}`);
    }
  }

  #nextFrame(): string[] {
    const texts: string[] = [];
    let chars = 0;
    while (texts.length < FRAME_EVENTS_MAX && chars < FRAME_CHARS_MAX) {
      const text = this.#waiting.shift();
      if (text === undefined) break;
      texts.push(text);
      chars += text.length;
    }
    this.#waitingChars -= chars;
    return texts;
  }
}

function count(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}
