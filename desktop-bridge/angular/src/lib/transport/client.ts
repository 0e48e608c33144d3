/**
 * Speaks with the daemon for one page: carries out what machine and outbox decide.
 *
 * `emit` only writes the event down; the next animation frame sends what gathered. Nothing here
 * throws into the host, and nothing is kept beyond the page's own memory.
 */

import type { DaemonFrame, EmitArguments, EventName, SettingsView } from '@sidespool/protocol';
import { createEvent, encodeFrame } from '@sidespool/protocol';

import type { Bridge, Door } from './bridge';
import type { Line, LineEvents, Roads } from './line';
import { ROADS } from './line';
import type { Command, Fact, State } from './machine';
import { FIRST, step } from './machine';
import type { Counts, OutboxBounds } from './outbox';
import { Outbox } from './outbox';
import type { Question } from './question';
import { Questions } from './question';
import type { Cancel, Surroundings } from './source';

/** `socket` and `port` say which road is open; `waiting`: none is, and it is being tried again. */
export type Status = 'connecting' | 'socket' | 'port' | 'waiting' | 'closed';

export interface Snapshot {
  readonly status: Status;
  readonly settings: SettingsView | undefined;
  /** Events not yet acknowledged. */
  readonly pending: number;
}

/** A frame around one event: what is left without it is the event as the daemon reads it. */
const EMPTY = encodeFrame({ op: 'emit', events: [] });
const AHEAD = EMPTY.length - 2;

/** What the Angular service needs; the testing entry point gives another. */
export interface ClientLike {
  readonly counts: Counts;
  start(): void;
  stop(): void;
  emit<Name extends EventName>(...event: EmitArguments<Name>): void;
  ask(question: Question): Promise<DaemonFrame | undefined>;
  read(path: string): Promise<string | undefined>;
  unload(): number;
}

export class Client implements ClientLike {
  private readonly outbox: Outbox;
  private readonly questions: Questions;
  private state: State = FIRST;
  private line: Line | undefined;
  private door: Door | undefined;
  private settings: SettingsView | undefined;
  private nextId = 1;
  private batch: Cancel | undefined;
  private alarm: Cancel | undefined;
  private alarmAt: number | null = null;
  private toldPending = 0;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly bridge: Bridge,
    private readonly at: Surroundings,
    private readonly onChange: (snapshot: Snapshot) => void,
    bounds: OutboxBounds = {},
    private readonly roads: Roads = ROADS,
  ) {
    this.outbox = new Outbox(bounds);
    this.questions = new Questions((run, delayMs) => at.later(run, delayMs));
  }

  get counts(): Counts {
    return this.outbox.counts;
  }

  start(): void {
    this.unsubscribe ??= this.bridge.onState(({ ready }) => {
      if (ready) void this.lookAgain();
    });
    this.learn({ kind: 'startAsked' });
  }

  /** Closes the line; events wait for a new start. */
  stop(): void {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    this.learn({ kind: 'stopAsked' });
  }

  emit<Name extends EventName>(...event: EmitArguments<Name>): void {
    try {
      const text = encodeFrame({ op: 'emit', events: [createEvent(this.at, event)] });
      this.outbox.add(text.slice(AHEAD, -2));
    } catch {
      this.outbox.onUnreadable(); // a payload with a loop in it, or a getter that throws
    }
    this.batch ??= this.at.frame(() => this.sendBatch());
  }

  /** The daemon's answer, or undefined when none came. */
  ask(question: Question): Promise<DaemonFrame | undefined> {
    if (this.state.phase !== 'open') return Promise.resolve(undefined);
    const id = this.nextId++;
    const answer = this.questions.ask(id, question.op);
    this.line?.send(encodeFrame({ ...question, id }));
    return answer;
  }

  /**
   * What the daemon shows over HTTP only, as text. Undefined where a page may not ask: no door, a
   * page without an origin of its own (`file://`), or a policy against it.
   */
  async read(path: string): Promise<string | undefined> {
    if (this.door === undefined || location.origin === 'null') return undefined;
    try {
      const headers = { Authorization: `Bearer ${this.door.token}` };
      const answer = await fetch(this.door.url + path, { headers, cache: 'no-store' });
      return answer.ok ? await answer.text() : undefined;
    } catch {
      return undefined;
    }
  }

  /** Sends at once what waits, as far as the line takes it. */
  pump(): void {
    if (this.state.phase === 'open') {
      for (;;) {
        const events = this.outbox.next(this.nextId);
        if (events.length === 0) break;
        this.line?.send(`{"op":"emit","id":${this.nextId++},"events":[${events.join(',')}]}`);
      }
      this.learn({ kind: 'sent', line: this.state.line, expecting: this.outbox.expecting });
      this.tellLosses();
    }
    this.tell();
  }

  /**
   * The page goes away: the main process takes what was not acknowledged. One that cannot gets
   * nothing, so what can still be sent goes out, and the rest is lost. Returns how many events are.
   */
  unload(): number {
    const { bridge } = this;
    if (bridge.handOver === undefined) this.pump();
    this.stop();
    if (bridge.handOver !== undefined) {
      const events = this.outbox.onHandOver();
      if (events.length > 0) bridge.handOver(events);
    }
    const lost = this.outbox.onUnload();
    this.tell();
    return lost;
  }

  private tellLosses(): void {
    const counts = this.outbox.losses.take();
    if (counts === undefined) return;
    void this.ask({ op: 'lost', counts }).then((answer) => {
      if (answer === undefined) this.outbox.losses.putBack(counts);
    });
  }

  private sendBatch(): void {
    this.batch = undefined;
    this.pump();
  }

  private learn(fact: Fact): void {
    const before = this.state;
    const [state, commands] = step(before, fact, this.at.tick(), this.at.dice());
    this.state = state;
    if (before.phase === 'open' && state.phase !== 'open') {
      this.outbox.onLost();
      this.questions.onLost();
    }
    for (const command of commands) this.carryOut(command);
    this.setAlarm(state.deadline);
    if (before.phase !== state.phase) {
      if (state.phase === 'open') this.pump();
      else this.tell();
    }
  }

  private setAlarm(deadline: number | null): void {
    if (deadline === this.alarmAt) return;
    this.alarm?.();
    this.alarmAt = deadline;
    this.alarm = undefined;
    if (deadline === null) return;
    // A little late rather than a little early: an early alarm would find nothing due.
    const delayMs = Math.max(1, Math.ceil(deadline - this.at.tick()));
    this.alarm = this.at.later(() => {
      this.alarmAt = null;
      this.learn({ kind: 'timeCame' });
    }, delayMs);
  }

  private carryOut(command: Command): void {
    switch (command.do) {
      case 'seek':
        void this.seek(command.line);
        break;
      case 'open':
        this.open(command.line, command.road);
        break;
      case 'greet':
        this.greet();
        break;
      case 'close':
        this.line?.close();
        this.line = undefined;
        break;
    }
  }

  /** Something changed over there: only another door, or one at last, is worth a new line. */
  private async lookAgain(): Promise<void> {
    if (this.state.phase === 'waiting') return this.learn({ kind: 'moved' });
    const door = await this.askDoor();
    if (door !== null && this.door !== undefined && door.token !== this.door.token) {
      this.learn({ kind: 'moved' });
    }
  }

  private async askDoor(): Promise<Door | null> {
    try {
      return await this.bridge.door();
    } catch {
      return null; // the main process has no answer yet
    }
  }

  private async seek(line: number): Promise<void> {
    const door = await this.askDoor();
    if (line === this.state.line) this.door = door ?? undefined;
    this.learn({ kind: 'doorCame', line, found: door !== null });
  }

  private open(line: number, road: 'socket' | 'port'): void {
    const events: LineEvents = {
      opened: () => this.learn({ kind: 'opened', line }),
      frameCame: (frame) => line === this.state.line && this.onFrame(frame),
      gone: () => this.learn({ kind: 'gone', line }),
      forbidden: () => this.learn({ kind: 'forbidden', line }),
    };
    if (road === 'port') this.line = this.roads.port(this.bridge, events);
    else if (this.door !== undefined) this.line = this.roads.socket(this.door, events);
  }

  private greet(): void {
    const session = this.door?.session_id;
    const named = session === undefined ? {} : { session_id: session };
    this.line?.send(encodeFrame({ op: 'hello', client: 'renderer', ...named }));
  }

  private onFrame(frame: DaemonFrame): void {
    const { line } = this.state;
    if (frame.op === 'welcome') {
      this.settings = frame.settings;
      return this.learn({ kind: 'welcomed', line });
    }
    if (frame.op === 'settings') this.settings = frame;
    const asked = this.questions.onFrame(frame);
    if (!asked && frame.op === 'ack') this.outbox.onAck(frame.id, frame.rejected ?? []);
    if (!asked && frame.op === 'error') this.onError(frame.id, frame.reason);
    this.learn({ kind: 'heard', line, expecting: this.outbox.expecting });
    this.pump();
  }

  private onError(id: unknown, reason: string): void {
    if (typeof id === 'number') this.outbox.onRefused(id, reason);
    else if (reason === 'malformed') this.outbox.onMalformed();
  }

  private tell(): void {
    const { pending } = this.outbox;
    if (pending !== this.toldPending) {
      this.toldPending = pending;
      this.bridge.pending?.(pending);
    }
    this.onChange({
      status: STATUS[this.state.phase] ?? this.state.road,
      settings: this.settings,
      pending,
    });
  }
}

const STATUS: Partial<Record<State['phase'], Status>> = {
  idle: 'connecting',
  seeking: 'connecting',
  opening: 'connecting',
  greeting: 'connecting',
  waiting: 'waiting',
  closed: 'closed',
};
