/** What an app tells Sidespool, and what it gets. */

import type { EventMap, Level, LossCounts } from "@sidespool/protocol";
import type { AppLike, IpcMainLike, PowerMonitorLike, ShellLike } from "./electron-like.js";
import type { EmitOf, OutgoingEvent } from "./event-types.js";
import type { ExceptionContext } from "./exception.js";
import type { OutboxStats } from "./outbox.js";
import type { SettingsStore } from "./settings.js";
import type { Phase } from "./state.js";

/** Events that are emitted without the app's doing; each can be switched off. */
export interface AutomaticEvents {
  /** `SessionStart` and `SessionEnd`. */
  readonly session: boolean;
  /** `Error` for an uncaught exception of the main process; what follows from it is unchanged. */
  readonly uncaughtException: boolean;
  /** `Error` for a promise that was rejected and not handled. */
  readonly unhandledRejection: boolean;
  /** `Crash` of a page. */
  readonly renderProcessGone: boolean;
  /** `Crash` of the GPU process or a utility process. */
  readonly childProcessGone: boolean;
  /** `Error` for a window that does not answer. */
  readonly unresponsive: boolean;
  /** `Crash` of the sidecar itself. */
  readonly sidecarCrash: boolean;
}

export interface SidespoolOptions {
  /** Electron's `app`. */
  readonly app: AppLike;
  /** Electron's `ipcMain`; without it pages get no connection. */
  readonly ipcMain?: IpcMainLike | undefined;
  /** Electron's `powerMonitor`, once the app is ready: looks after the daemon after a sleep. */
  readonly powerMonitor?: PowerMonitorLike | undefined;
  /** Opens the viewer. Default: Electron's `shell`. */
  readonly shell?: ShellLike | undefined;
  /** The app's settings, see `SETTINGS_KEYS`; an electron-store fits. */
  readonly settings?: SettingsStore | undefined;

  /** 1 to 64 letters, digits, `.`, `_`, `-`; the same in a Python backend of the app. */
  readonly appId: string;
  /** Default: `app.getVersion()`. */
  readonly appVersion?: string | undefined;
  /** The collector's base URL; the setting `telemetryEndpoint` wins. Without any: local only. */
  readonly endpoint?: string | undefined;
  /** The collector's token, handed over the sidecar's input. Default: its keychain entry. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>) | undefined;

  /** The sidecar's executable. Default: `resources/sidespool/sidespool` of the packaged app. */
  readonly sidecar?: string | undefined;
  /** In development: a Python with `sidespool` installed. */
  readonly python?: string | undefined;
  /** Path of the app's own `telemetry.catalog.toml`. */
  readonly catalog?: string | undefined;
  readonly consentModel?: "opt_out" | "opt_in" | undefined;
  /** A new version asks for a new consent. */
  readonly policyVersion?: string | undefined;
  /** The ceiling where the settings name none. */
  readonly level?: Level | undefined;
  /** The author's feature flag: false switches everything off. */
  readonly feature?: boolean | undefined;
  /** Default: the operating system's place for the app id. */
  readonly dataDir?: string | undefined;
  /**
   * Origins of the app's own pages; an entry ending in `://` allows a scheme, any other is matched
   * exactly (a development server). Default: `file://` and `app://`.
   */
  readonly origins?: readonly string[] | undefined;
  /** How long the daemon may go on delivering after the app has quit. Default: 10 s. */
  readonly shutdownGraceMs?: number | undefined;
  /** More variables for the sidecar, such as TELEMETRY_PROXY. */
  readonly environment?: Readonly<Record<string, string>> | undefined;

  /** Default: all. False: none. */
  readonly automatic?: boolean | Partial<AutomaticEvents> | undefined;
  /** Sees each event of the main process last; null drops it, and so does an exception. */
  readonly beforeSend?: ((event: OutgoingEvent) => OutgoingEvent | null | undefined) | undefined;
  /** Events kept while the daemon is away; the oldest give way. Default: 10,000. */
  readonly bufferMax?: number | undefined;
  /** Sentences for a developer; never holds an event or the token. Default: silence. */
  readonly logger?: ((sentence: string) => void) | undefined;
}

/** What is in effect, and which layer decided it. */
export interface Consent {
  readonly level: Level;
  readonly source: string;
  readonly reason: string;
  /** Whether the user has to be asked: there is no consent, or it is for an older policy. */
  readonly mustAsk: boolean;
}

export interface FlushResult {
  /** Whether everything emitted before is on the daemon's disk. */
  readonly acknowledged: boolean;
  /** Batches, as the daemon tells; absent where it did not answer. */
  readonly sealed?: number | undefined;
  readonly uploaded?: number | undefined;
  readonly pending?: number | undefined;
  readonly error?: string | undefined;
}

export interface SidespoolStatus {
  readonly phase: Phase;
  /** Why it failed, as a sentence. */
  readonly why: string;
  readonly pid: number | undefined;
  /** Events that wait for their acknowledgement. */
  readonly pending: number;
  readonly stats: Readonly<OutboxStats>;
  /** Events given up before they came to the daemon, here or by pages that ended; it is told. */
  readonly lost: Readonly<LossCounts>;
}

/** What a person reports of an error. Texts are scrubbed by the daemon before anything is kept. */
export interface ErrorReportDetails {
  /** What was thrown, if anything. */
  readonly thrown?: unknown;
  /** In the user's own words. They leave this machine as a keyed hash, unless included. */
  readonly description?: string | undefined;
  /** The user has ticked that the words may be sent, scrubbed. */
  readonly includeDescription?: boolean | undefined;
  /** Names of the app's own mode and tool, where they help. */
  readonly mode?: string | undefined;
  readonly tool?: string | undefined;
}

/** A report as it is stored and will be sent. */
export interface ErrorReport {
  readonly report_id: string;
  /** False for a preview. */
  readonly stored: boolean;
  readonly event: Readonly<Record<string, unknown>>;
}

/** No method throws or rejects, whatever it is given. */
export interface Sidespool<Events = EventMap> {
  readonly emit: EmitOf<Events>;
  /** The same as `emit`. */
  readonly trackEvent: EmitOf<Events>;
  /** The same as `emit`. */
  readonly capture: EmitOf<Events>;
  /** An `Error` event; anything can be thrown and given. */
  captureException(thrown: unknown, context?: ExceptionContext): void;
  /**
   * A report by a person, answered with the event as it is stored; undefined where it was not
   * taken: no daemon, or reports are switched off.
   */
  report(details: ErrorReportDetails): Promise<ErrorReport | undefined>;
  /** The same event, shown and not stored: for a look before the user sends it. */
  previewReport(details: ErrorReportDetails): Promise<ErrorReport | undefined>;
  /** The toggle in the app's settings; kept in the settings store. Answers what is in effect. */
  setEnabled(enabled: boolean): Promise<Consent>;
  /** Whether texts (prompts, diffs, files) may be sent; kept in the settings store. */
  setFullContent(allowed: boolean): Promise<Consent>;
  /** The ceiling; kept in the settings store. */
  setLevel(level: Level): Promise<Consent>;
  /** The user's decision, for the policy version the app was created with unless told. */
  setConsent(decision: "granted" | "denied", policyVersion?: string): Promise<Consent>;
  /** What is known by now; `off` with source `starting` before the daemon has answered. */
  getConsent(): Consent;
  /** Calls back on each change of phase or settings; returns what ends it. */
  onChange(listener: () => void): () => void;
  /** Waits for acknowledgements, then has the daemon seal and upload at once. */
  flush(timeoutMs?: number): Promise<FlushResult>;
  /** Deletes everything on this machine and asks the collector to do the same. */
  requestDeletion(): Promise<boolean>;
  /**
   * Opens a page in the user's browser that shows all that waits and was sent. Waits for a daemon
   * that is starting; false where there is none, or nothing could be opened.
   */
  openViewer(): Promise<boolean>;
  /** Marks the session's id, so that a developer finds their own events; null ends it. */
  setDebugTag(tag: string | null): void;
  /** The session all events belong to; hand it to the app's own Python processes. */
  readonly sessionId: string;
  /** How the daemon fares, and what became of events; at once, without asking it. */
  status(): SidespoolStatus;
  /** True once the daemon is ready, false where it was not in time. */
  whenReady(timeoutMs?: number): Promise<boolean>;
  /** Ends the daemon: politely, then by force. Not needed when the app quits. */
  shutdown(): Promise<void>;
  /** Ends it and keeps it from starting, so that an update can replace its files. */
  prepareForUpdate(): Promise<void>;
  /** Starts again after `shutdown`, a failure, or an update that did not happen. */
  start(): void;
}
