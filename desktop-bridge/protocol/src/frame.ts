// Generated from the daemon's own frame definitions: do not edit, run `make generate`.

import type { ClientEvent } from "./event.js";

/** Version of the local protocol. */
export const PROTOCOL = 1;

/** The WebSocket subprotocol. */
export const SUBPROTOCOL = "sidespool.v1";

/** The second subprotocol is this, followed by the token. */
export const TOKEN_SUBPROTOCOL = "token.";

/** How much the user agreed to. */
export const LEVELS = [
  "off",
  "crash",
  "error",
  "usage",
  "full",
] as const;
/** How much the user agreed to. */
export type Level = (typeof LEVELS)[number];

/** Why an event was not taken in. */
export const REASONS = [
  "unknown_event",
  "unknown_field",
  "invalid_value",
  "too_large",
  "level_too_low",
  "consent_off",
  "rate_limited",
  "spool_full",
  "malformed",
] as const;
/** Why an event was not taken in. */
export type Reason = (typeof REASONS)[number];

/** Why an accepted event did not reach the collector. */
export const DROP_REASONS = [
  "spool_quota",
  "spool_age",
  "consent_withdrawn",
  "corrupt",
  "refused",
  "rejected",
  "reset",
] as const;
/** Why an accepted event did not reach the collector. */
export type DropReason = (typeof DROP_REASONS)[number];

/** Why an event was lost in a client, before it could be taken in; clients tell (`lost`). */
export const LOSS_REASONS = [
  "page_gone",
  "client_overflow",
  "client_unreadable",
] as const;
/** Why an event was lost in a client, before it could be taken in; clients tell (`lost`). */
export type LossReason = (typeof LOSS_REASONS)[number];

/** The app's settings as a client may change them; `null` takes a change back. */
export interface SettingsChange {
  readonly enabled?: boolean | null | undefined;
  readonly full_content?: boolean | null | undefined;
  readonly level?: Level | null | undefined;
}

/** What the application's own settings say; `null` where nobody chose. */
export interface AppSettingsView {
  readonly enabled?: boolean | null | undefined;
  readonly full_content?: boolean | null | undefined;
  readonly level?: Level | null | undefined;
}

/**
 * What is in effect after every layer had its say, and which layer decided. `must_ask`: the
 * user has to be asked, for consent is missing or was given to an older policy.
 */
export interface SettingsView {
  readonly enabled: boolean;
  readonly full_content: boolean;
  readonly level: Level;
  readonly app?: AppSettingsView | undefined;
  readonly consent?: "granted" | "denied" | null | undefined;
  readonly consent_model?: "opt_in" | "opt_out" | undefined;
  readonly must_ask?: boolean | undefined;
  readonly decided_by?: string | undefined;
  readonly because?: string | undefined;
  readonly policy_version?: string | undefined;
}

/** One event of a frame that was not taken in; `index` counts from 0 within the frame. */
export interface Rejection {
  readonly index: number;
  readonly reason: Reason;
  readonly detail: string;
}

/** The first frame; on the Unix socket and named pipe it carries the token. */
export interface HelloFrame {
  readonly op: "hello";
  readonly client?: string | undefined;
  readonly session_id?: string | null | undefined;
  readonly token?: string | null | undefined;
  readonly id?: number | string | null | undefined;
}

/** Events to take in; answered by an ack with the same id once they are durable. */
export interface EmitFrame {
  readonly op: "emit";
  readonly events: readonly ClientEvent[];
  readonly id?: number | string | null | undefined;
}

/** Changes settings, or hands over secrets (standard input only). */
export interface SetFrame {
  readonly op: "set";
  readonly settings?: SettingsChange | undefined;
  readonly secrets?: Readonly<Record<string, string | null>> | undefined;
  readonly with_history?: boolean | undefined;
  readonly id?: number | string | null | undefined;
}

/** The user's decision. */
export interface ConsentFrame {
  readonly op: "consent";
  readonly decision: "granted" | "denied";
  readonly policy_version?: string | undefined;
  readonly level?: Level | null | undefined;
  readonly with_history?: boolean | undefined;
  readonly id?: number | string | null | undefined;
}

/** A file that belongs to an event; `data` is base64. */
export interface AttachFrame {
  readonly op: "attach";
  readonly event_id: string;
  readonly name: string;
  readonly data: string;
  readonly content_type?: string | undefined;
  readonly id?: number | string | null | undefined;
}

/** Tells how many events a client had to give up before they came here, by reason. */
export interface LostFrame {
  readonly op: "lost";
  readonly counts: Readonly<Partial<Record<LossReason, number>>>;
  readonly id?: number | string | null | undefined;
}

/** An error, reported by a person or by the application; `preview` only shows it. */
export interface ReportFrame {
  readonly op: "report";
  readonly error_type?: string | undefined;
  readonly message?: string | undefined;
  readonly stack_trace?: string | undefined;
  readonly source?: string | undefined;
  readonly mode?: string | undefined;
  readonly tool?: string | undefined;
  readonly mcp_server?: string | undefined;
  readonly mcp_tool?: string | undefined;
  readonly description?: string | undefined;
  readonly include_description?: boolean | undefined;
  readonly automatic?: boolean | undefined;
  readonly preview?: boolean | undefined;
  readonly id?: number | string | null | undefined;
}

/** Asks for the reports made on this machine, newest first. */
export interface ReportsFrame {
  readonly op: "reports";
  readonly id?: number | string | null | undefined;
}

/** Asks for the state of everything. */
export interface StatusFrame {
  readonly op: "status";
  readonly id?: number | string | null | undefined;
}

/** Asks for a one-time link to the viewer. */
export interface ViewFrame {
  readonly op: "view";
  readonly id?: number | string | null | undefined;
}

/** Seals and tries to upload now. */
export interface FlushFrame {
  readonly op: "flush";
  readonly id?: number | string | null | undefined;
}

/** Deletes everything here and asks the collector to do the same. */
export interface ResetFrame {
  readonly op: "reset";
  readonly id?: number | string | null | undefined;
}

/** Ends the daemon. */
export interface ShutdownFrame {
  readonly op: "shutdown";
  readonly id?: number | string | null | undefined;
}

/** Closes this connection. */
export interface GoodbyeFrame {
  readonly op: "goodbye";
}

/** The answer to hello. */
export interface WelcomeFrame {
  readonly op: "welcome";
  readonly session_id: string;
  readonly level: Level;
  readonly settings: SettingsView;
  readonly id?: number | string | null | undefined;
}

/**
 * The answer to emit, consent and attach: what was accepted is on stable storage. `level` comes
 * with the answer to consent: what is in effect from now on.
 */
export interface AckFrame {
  readonly op: "ack";
  readonly id?: number | string | null | undefined;
  readonly accepted?: number | undefined;
  readonly rejected?: readonly Rejection[] | undefined;
  readonly level?: Level | null | undefined;
}

/** Sent to every client on every change, and as the answer to set: see SettingsView. */
export interface SettingsFrame {
  readonly op: "settings";
  readonly enabled: boolean;
  readonly full_content: boolean;
  readonly level: Level;
  readonly app?: AppSettingsView | undefined;
  readonly consent?: "granted" | "denied" | null | undefined;
  readonly consent_model?: "opt_in" | "opt_out" | undefined;
  readonly must_ask?: boolean | undefined;
  readonly decided_by?: string | undefined;
  readonly because?: string | undefined;
  readonly policy_version?: string | undefined;
  readonly id?: number | string | null | undefined;
}

/**
 * The answer to status, flush, reset and shutdown; further members depend on the question.
 * `sealed`, `uploaded` and `pending` count events and come with flush.
 */
export interface ResultFrame {
  readonly op: "result";
  readonly id?: number | string | null | undefined;
  readonly sealed?: number | null | undefined;
  readonly uploaded?: number | null | undefined;
  readonly pending?: number | null | undefined;
  readonly error?: string | null | undefined;
  readonly [name: string]: unknown;
}

/** The frame before was not understood or not allowed; only `unauthorized` ends it all. */
export interface ErrorFrame {
  readonly op: "error";
  readonly reason: Reason | "unauthorized";
  readonly detail?: string | undefined;
  readonly id?: number | string | null | undefined;
}

/** The one line on standard output, also in runtime.json: where the daemon listens. */
export interface ReadyLine {
  readonly op: "ready";
  readonly protocol: number;
  readonly version: string;
  readonly pid: number;
  readonly url: string;
  readonly token: string;
  readonly socket?: string | null | undefined;
  readonly already_running?: boolean | undefined;
}

/** Everything a client may say. */
export type ClientFrame =
  | HelloFrame
  | EmitFrame
  | SetFrame
  | ConsentFrame
  | AttachFrame
  | LostFrame
  | ReportFrame
  | ReportsFrame
  | StatusFrame
  | ViewFrame
  | FlushFrame
  | ResetFrame
  | ShutdownFrame
  | GoodbyeFrame;

/** Everything the daemon may say on a connection. */
export type DaemonFrame =
  | WelcomeFrame
  | AckFrame
  | SettingsFrame
  | ResultFrame
  | ErrorFrame;
