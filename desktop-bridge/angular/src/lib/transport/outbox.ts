/**
 * Keeps each event until the daemon acknowledged it, and says what to send next.
 *
 * Pure: no clock, no I/O. An event is JSON text from the moment it is emitted, with its id in it,
 * so whatever is sent again is the same to the byte and the daemon knows it. Law:
 * `emitted == acknowledged + sum(rejected) + sum(dropped) + handedOver + pending`.
 *
 * The daemon says only "malformed" of a frame it cannot read. Then what was in flight goes out
 * again event by event, and the one that is refused alone is dropped.
 */

import { LossLedger } from '@sidespool/protocol';

import {
  CHARS_MAX,
  EVENTS_MAX,
  EVENT_CHARS_MAX,
  FRAMES_IN_FLIGHT_MAX,
  FRAME_CHARS_MAX,
  FRAME_EVENTS_MAX,
} from './policy';

/** Why an event never reached the daemon. */
export type DropCause = 'overflow' | 'too_large' | 'invalid' | 'malformed' | 'unload';

/** As the daemon counts them. */
const LOST_AS = {
  overflow: 'client_overflow',
  too_large: 'client_unreadable',
  invalid: 'client_unreadable',
  malformed: 'client_unreadable',
} as const;

/** What became of this page's events. */
export interface Counts {
  readonly emitted: number;
  readonly acknowledged: number;
  /** By the daemon's reason. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Partial<Record<DropCause, number>>>;
  /** Given to the main process when the page went; it sends them. */
  readonly handedOver: number;
  /** Sent more than once, after a connection was lost. */
  readonly resent: number;
}

/** One emit frame on its way. */
interface Flight {
  readonly id: number;
  readonly events: readonly string[];
}

export interface OutboxBounds {
  readonly eventsMax?: number;
  readonly charsMax?: number;
}

export class Outbox {
  private waiting: string[] = [];
  /** Of the oldest in `waiting`: taking from the front of a long array would copy it. */
  private head = 0;
  private flights: Flight[] = [];
  private inFlight = 0;
  private chars = 0;
  /** How many of the next events travel alone. */
  private alone = 0;

  private emitted = 0;
  private acknowledged = 0;
  private handedOver = 0;
  private resent = 0;
  private readonly rejected: Record<string, number> = {};
  private readonly dropped: Partial<Record<DropCause, number>> = {};

  /** Losses that the daemon does not know of yet. */
  readonly losses = new LossLedger();

  private readonly eventsMax: number;
  private readonly charsMax: number;

  constructor(bounds: OutboxBounds = {}) {
    this.eventsMax = bounds.eventsMax ?? EVENTS_MAX;
    this.charsMax = bounds.charsMax ?? CHARS_MAX;
  }

  /** Events not yet acknowledged. */
  get pending(): number {
    return this.waiting.length - this.head + this.inFlight;
  }

  /** Whether an acknowledgement is awaited. */
  get expecting(): boolean {
    return this.flights.length > 0;
  }

  get counts(): Counts {
    return {
      emitted: this.emitted,
      acknowledged: this.acknowledged,
      rejected: { ...this.rejected },
      dropped: { ...this.dropped },
      handedOver: this.handedOver,
      resent: this.resent,
    };
  }

  /** Takes one event in, as JSON; over the bounds the oldest that waits gives way. */
  add(event: string): void {
    this.emitted += 1;
    if (event.length > EVENT_CHARS_MAX) return this.drop('too_large', 1);
    this.waiting.push(event);
    this.chars += event.length;
    while (this.pending > this.eventsMax || this.chars > this.charsMax) {
      if (this.take() === undefined) return;
      this.drop('overflow', 1);
    }
  }

  /** An event that could not even be written down. */
  onUnreadable(): void {
    this.emitted += 1;
    this.drop('invalid', 1);
  }

  /** The events of the next frame, which counts as sent with `id`; empty when it is not time. */
  next(id: number): readonly string[] {
    const flightsMax = this.alone > 0 ? 1 : FRAMES_IN_FLIGHT_MAX;
    if (this.flights.length >= flightsMax) return [];
    const events = this.takeFrame(this.alone > 0 ? 1 : FRAME_EVENTS_MAX);
    if (events.length === 0) return events;
    this.flights.push({ id, events });
    this.inFlight += events.length;
    for (const event of events) this.chars += event.length;
    return events;
  }

  /** The daemon has taken the frame in, but for what it refused, by reason. */
  onAck(id: unknown, refused: readonly { readonly reason: string }[]): void {
    const flight = this.land(id);
    if (flight === undefined) return;
    for (const { reason } of refused) this.refuse(reason, 1);
    this.acknowledged += Math.max(0, flight.events.length - refused.length);
  }

  /** The daemon refused a whole frame. */
  onRefused(id: unknown, reason: string): void {
    const flight = this.land(id);
    if (flight !== undefined) this.refuse(reason, flight.events.length);
  }

  /** The daemon could not read a frame and does not say which. */
  onMalformed(): void {
    const first = this.flights[0];
    if (first === undefined) return;
    if (this.flights.length === 1 && first.events.length === 1) {
      this.land(first.id);
      this.drop('malformed', 1);
      return;
    }
    this.alone = Math.max(this.alone, this.inFlight);
    this.onLost();
  }

  /** The line is gone: what was in flight goes first on the next one. */
  onLost(): void {
    if (this.flights.length === 0) return;
    const again = this.flights.flatMap((flight) => flight.events);
    this.waiting = again.concat(this.waiting.slice(this.head));
    this.head = 0;
    this.resent += again.length;
    this.inFlight = 0;
    this.flights = [];
  }

  /** The page goes away: what is still here is lost with it. Returns how many. */
  onUnload(): number {
    const lost = this.leave().length;
    if (lost > 0) this.drop('unload', lost);
    return lost;
  }

  /** The page goes away, and somebody takes what is still here, in its order. */
  onHandOver(): readonly string[] {
    const events = this.leave();
    this.handedOver += events.length;
    return events;
  }

  private leave(): readonly string[] {
    const inFlight = this.flights.flatMap((flight) => flight.events);
    const events = inFlight.concat(this.waiting.slice(this.head));
    this.waiting = [];
    this.head = 0;
    this.flights = [];
    this.inFlight = 0;
    this.chars = 0;
    this.alone = 0;
    return events;
  }

  private takeFrame(eventsMax: number): string[] {
    const events: string[] = [];
    let chars = 0;
    while (events.length < eventsMax) {
      const next = this.waiting[this.head];
      if (next === undefined || (events.length > 0 && chars + next.length > FRAME_CHARS_MAX)) break;
      chars += next.length;
      events.push(next);
      this.take();
    }
    return events;
  }

  private take(): string | undefined {
    const event = this.waiting[this.head];
    if (event === undefined) return undefined;
    this.waiting[this.head] = '';
    this.head += 1;
    this.chars -= event.length;
    if (this.head > 1_024 && this.head * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.head);
      this.head = 0;
    }
    return event;
  }

  private land(id: unknown): Flight | undefined {
    const at = this.flights.findIndex((flight) => flight.id === id);
    const flight = this.flights[at];
    if (flight === undefined) return undefined;
    this.flights.splice(at, 1);
    this.inFlight -= flight.events.length;
    for (const event of flight.events) this.chars -= event.length;
    this.alone = Math.max(0, this.alone - flight.events.length);
    return flight;
  }

  private refuse(reason: string, count: number): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + count;
  }

  private drop(cause: DropCause, count: number): void {
    // Of what goes with the page the main process tells: nobody else is left to.
    if (cause !== 'unload') this.losses.note(LOST_AS[cause], count);
    this.dropped[cause] = (this.dropped[cause] ?? 0) + count;
  }
}
