/** Replaces the connection by a scripted daemon that answers at once. */

import type { EnvironmentProviders } from '@angular/core';
import { Injectable, inject, makeEnvironmentProviders } from '@angular/core';
import type { ClientLike, Counts, SidespoolOptions, Snapshot } from '@sidespool/angular';
import { SIDESPOOL_CLIENT, provideSidespool } from '@sidespool/angular';
import type {
  ClientEvent,
  ClientFrame,
  DaemonFrame,
  EmitArguments,
  EventName,
  PayloadOf,
  SettingsView,
} from '@sidespool/protocol';
import { createEvent } from '@sidespool/protocol';
import type { FakeDaemon } from '@sidespool/protocol/testing';
import { createFakeDaemon, fixedSource } from '@sidespool/protocol/testing';

const START: SettingsView = { enabled: true, full_content: false, level: 'usage' };

/** What was emitted, and what the daemon tells; inject it in a test. */
@Injectable()
export class SidespoolTesting {
  /** Answers by op, for `status` and the like: `testing.answers.status = { … }`. */
  readonly answers: Partial<Record<ClientFrame['op'], Readonly<Record<string, unknown>>>> = {};
  /** What `read` gives, by path. */
  readonly readable: Record<string, string> = {};
  /** Everything asked, in order. */
  readonly asked: ClientFrame[] = [];

  private readonly daemon: FakeDaemon = createFakeDaemon();
  private readonly source = fixedSource();
  private settings: SettingsView = START;
  private onChange: (snapshot: Snapshot) => void = () => undefined;

  /** All events, in the order they were emitted. */
  get events(): readonly ClientEvent[] {
    return this.daemon.events;
  }

  /** The payloads of one event type. */
  payloads<Name extends EventName>(name: Name): PayloadOf<Name>[] {
    return this.events
      .filter((event) => event.event_type === name)
      .map((event) => event.payload as PayloadOf<Name>);
  }

  /** The daemon tells new settings, such as `{ must_ask: true, policy_version: '2' }`. */
  tell(change: Partial<SettingsView>): void {
    this.settings = { ...this.settings, ...change };
    this.publish();
  }

  /** The connection as the service sees it. */
  connect(onChange: (snapshot: Snapshot) => void): ClientLike {
    this.onChange = onChange;
    return {
      counts: NO_COUNTS,
      start: () => this.publish(),
      stop: () => undefined,
      unload: () => 0,
      emit: <Name extends EventName>(...event: EmitArguments<Name>) => {
        const events = [createEvent(this.source, event)];
        this.daemon.answer({ op: 'emit', id: 0, events });
      },
      ask: (question) => Promise.resolve(this.answer(question)),
      read: (path) => Promise.resolve(this.readable[path]),
    };
  }

  private answer(question: ClientFrame): DaemonFrame | undefined {
    this.asked.push(question);
    const [answer] = this.daemon.answer(question);
    if (answer?.op === 'settings') this.tell(answer);
    if (question.op === 'consent') {
      const enabled = question.decision === 'granted';
      this.tell({ enabled, consent: question.decision, must_ask: false });
    }
    return answer === undefined ? undefined : { ...answer, ...this.answers[question.op] };
  }

  private publish(): void {
    this.onChange({ status: 'socket', settings: this.settings, pending: 0 });
  }
}

const NO_COUNTS: Counts = { emitted: 0, acknowledged: 0, rejected: {}, dropped: {}, handedOver: 0, resent: 0 };

/** In place of `provideSidespool`, with the same options; the router is watched only if asked for. */
export function provideSidespoolTesting(options: SidespoolOptions = {}): EnvironmentProviders {
  return makeEnvironmentProviders([
    provideSidespool({ router: false, errors: false, ...options }),
    SidespoolTesting,
    {
      provide: SIDESPOOL_CLIENT,
      useFactory: () => {
        const testing = inject(SidespoolTesting);
        return (_outside: unknown, onChange: (snapshot: Snapshot) => void) =>
          testing.connect(onChange);
      },
    },
  ]);
}
