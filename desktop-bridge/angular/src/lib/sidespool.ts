/** The service an application injects: one page's telemetry, as signals and calls that never throw. */

import { isPlatformBrowser } from '@angular/common';
import type { Signal } from '@angular/core';
import { DestroyRef, Injectable, NgZone, PLATFORM_ID, computed, inject, signal, untracked } from '@angular/core';
import type { DaemonFrame, EventMap, Level, ResultFrame, SettingsView } from '@sidespool/protocol';

import type { EmitOf } from './emit';
import type { ExceptionContext } from './exception';
import { errorPayload, origin } from './exception';
import type { ErrorReport, ErrorReportDetails } from './report';
import { reportFrame } from './report';
import { SIDESPOOL_CLIENT, SIDESPOOL_OPTIONS } from './options';
import type { ClientLike, Counts, Question, Snapshot, Status } from './transport';

/** `absent`: no desktop app around this page, everything is a no-op. Else see `Status`. */
export type SidespoolStatus = Status | 'absent';

const NONE: Counts = {
  emitted: 0,
  acknowledged: 0,
  rejected: {},
  dropped: {},
  handedOver: 0,
  resent: 0,
};

/** The service for a map of events; see `Sidespool` and `injectSidespool`. */
@Injectable()
export abstract class SidespoolOf<Events extends object> {
  private readonly options = inject(SIDESPOOL_OPTIONS);
  private readonly zone = inject(NgZone);
  private readonly client: ClientLike | undefined;
  private readonly seen = new WeakSet<object>();
  private readonly snapshot = signal<Snapshot | undefined>(undefined, { equal: sameSnapshot });

  /** Whether there is a desktop app around this page. */
  readonly present: boolean;
  /** Which road is open, if any. */
  readonly status: Signal<SidespoolStatus> = computed(() => this.snapshot()?.status ?? 'absent');
  /** What is in effect, as the daemon last told. */
  readonly settings: Signal<SettingsView | undefined> = computed(() => this.snapshot()?.settings);
  /** The level in effect; undefined before the daemon's first word, and outside the desktop app. */
  readonly level: Signal<Level | undefined> = computed(() => this.settings()?.level);
  /** Events of this page that are not acknowledged yet. */
  readonly pending: Signal<number> = computed(() => this.snapshot()?.pending ?? 0);

  /** Takes an event down and returns at once; never throws. */
  readonly emit: EmitOf<Events>;
  /** The same as `emit`. */
  readonly trackEvent: EmitOf<Events>;
  /** The same as `emit`. */
  readonly capture: EmitOf<Events>;

  constructor() {
    const make = inject(SIDESPOOL_CLIENT);
    const outside = <T>(run: () => T): T => this.zone.runOutsideAngular(run);
    this.client = isPlatformBrowser(inject(PLATFORM_ID))
      ? make(outside, (snapshot) => this.snapshot.set(snapshot), this.options.queue)
      : undefined;
    const { client } = this;
    this.present = client !== undefined;
    const emit = client === undefined ? () => undefined : client.emit.bind(client);
    this.emit = this.trackEvent = this.capture = emit as EmitOf<Events>;
    if (client !== undefined) this.live(client);
  }

  /** What became of this page's events. */
  get counts(): Counts {
    return this.client?.counts ?? NONE;
  }

  /** An `Error` event; anything can be thrown and given. The same object is reported once. */
  captureException(thrown: unknown, context?: ExceptionContext): void {
    const client = this.client;
    if (client === undefined) return;
    const cause = origin(thrown);
    if (typeof cause === 'object' && cause !== null) {
      if (this.seen.has(cause)) return;
      this.seen.add(cause);
    }
    client.emit('Error', errorPayload(thrown, context));
  }

  /**
   * A report by a person, answered with the event as it is stored; undefined where it was not taken
   * (no daemon, or reports are switched off). `preview: true` shows it and stores nothing.
   */
  async report(details: ErrorReportDetails): Promise<ErrorReport | undefined> {
    const answer = await this.result(reportFrame(details));
    return answer === undefined ? undefined : (answer as unknown as ErrorReport);
  }

  /** The toggle. Switching on is also the user's consent. True once it is done. */
  async setEnabled(enabled: boolean): Promise<boolean> {
    const done = await this.asked({ op: 'set', settings: { enabled } });
    return done && enabled ? this.setConsent('granted') : done;
  }

  /** Whether texts may be sent; ask the user twice. */
  setFullContent(allowed: boolean): Promise<boolean> {
    return this.asked({ op: 'set', settings: { full_content: allowed } });
  }

  /** The ceiling. True once it is done. */
  setLevel(level: Level): Promise<boolean> {
    return this.asked({ op: 'set', settings: { level } });
  }

  /** The user's decision, for the policy version in effect unless told. */
  setConsent(decision: 'granted' | 'denied', policyVersion?: string): Promise<boolean> {
    const named = policyVersion ?? this.options.policyVersion ?? untracked(this.settings)?.policy_version;
    return this.asked({ op: 'consent', decision, policy_version: named ?? '' });
  }

  /** Has the daemon seal and upload now; undefined where it did not answer. */
  flush(): Promise<ResultFrame | undefined> {
    return this.result({ op: 'flush' });
  }

  /** Deletes everything on this machine and asks the collector to do the same. */
  requestDeletion(): Promise<ResultFrame | undefined> {
    return this.result({ op: 'reset' });
  }

  /** The daemon's state of everything, as `sidespool status` shows it. */
  daemonStatus(): Promise<ResultFrame | undefined> {
    return this.result({ op: 'status' });
  }

  /** What the daemon shows of the user's data (`/v1/pending`, `/v1/history`), where a page may ask. */
  read(path: string): Promise<string | undefined> {
    return this.client?.read(path) ?? Promise.resolve(undefined);
  }

  private live(client: ClientLike): void {
    const leave = (): void => {
      const lost = client.unload();
      this.options.onUnload?.(lost);
    };
    const back = (event: PageTransitionEvent): void => {
      if (event.persisted) client.start();
    };
    this.zone.runOutsideAngular(() => {
      addEventListener('pagehide', leave);
      addEventListener('pageshow', back);
      client.start();
    });
    inject(DestroyRef).onDestroy(() => {
      removeEventListener('pagehide', leave);
      removeEventListener('pageshow', back);
      client.unload();
    });
  }

  private ask(question: Question): Promise<DaemonFrame | undefined> {
    return this.client?.ask(question) ?? Promise.resolve(undefined);
  }

  private async asked(question: Question): Promise<boolean> {
    const answer = await this.ask(question);
    return answer !== undefined && answer.op !== 'error';
  }

  private async result(question: Question): Promise<ResultFrame | undefined> {
    const answer = await this.ask(question);
    return answer?.op === 'result' ? answer : undefined;
  }
}

/** Typed by the catalog: the built-in events and those that the app added to `EventMap`. */
// Not generic itself: of a generic class `inject` would give one that takes any event.
@Injectable({ providedIn: 'root' })
export class Sidespool extends SidespoolOf<EventMap> {}

/** The same service, typed by a map of one's own. In an injection context, as `inject` is. */
export function injectSidespool<Events extends object = EventMap>(): SidespoolOf<Events> {
  return inject(Sidespool) as unknown as SidespoolOf<Events>;
}

function sameSnapshot(a: Snapshot | undefined, b: Snapshot | undefined): boolean {
  return a?.status === b?.status && a?.settings === b?.settings && a?.pending === b?.pending;
}
