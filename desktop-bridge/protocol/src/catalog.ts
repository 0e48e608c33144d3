// Generated from the event catalog: do not edit, run `make generate`.

import type { Level } from "./frame.js";

/**
 * The application started. Shows on which versions and systems the application is used, so that
 * support can follow use.
 */
export interface SessionStartPayload {
  /** Version of the application, generalised to major.minor.patch. (at most 500 bytes) */
  app_version?: string | undefined;
  /** Operating system family, such as windows, macos or linux. (at most 500 bytes) */
  os?: string | undefined;
  /**
   * Operating system version, generalised, such as `Windows 10/11`, `macOS 13.x`, `Linux 6.x`.
   * (at most 500 bytes)
   */
  os_version?: string | undefined;
  /** Processor architecture, such as x64 or arm64. (at most 500 bytes) */
  arch?: string | undefined;
  /**
   * How the application was installed, such as dmg, nsis, deb, store or portable. (at most 500
   * bytes)
   */
  install_method?: string | undefined;
  /**
   * What hosts the application, such as electron or python; never a machine's name. (at most
   * 500 bytes)
   */
  host?: string | undefined;
}

/**
 * The application ended, or was found to have ended. Tells how long sessions last, what came of
 * them, and how often they end by a crash.
 */
export interface SessionEndPayload {
  /** Length of the session in milliseconds. (0 or more) */
  duration_ms?: number | undefined;
  /** The same as a bin, filled in by the daemon. */
  duration_bin?:
    | "<1min"
    | "1-5min"
    | "5-10min"
    | "10-20min"
    | "20-60min"
    | ">60min" | undefined;
  /** Proposals the assistant made in the session. (0 or more) */
  proposals_created?: number | undefined;
  /** Proposals the user approved in the session. (0 or more) */
  proposals_approved?: number | undefined;
  /** How the session ended. */
  reason?: "quit" | "crashed" | "killed" | "lost" | undefined;
}

/**
 * The user opened a workspace. Tells how many different projects an installation works on,
 * without knowing which.
 */
export interface WorkspaceSelectedPayload {
  /**
   * Send the path: the daemon replaces it by a hash keyed with this installation's own key
   * before anything is written.
   */
  workspace_hash?: string | undefined;
  /** Whether the workspace is a git repository. */
  is_git_repo?: boolean | undefined;
}

/**
 * One exchange with the assistant. Shows latency and size of exchanges by model, so that slow
 * or failing models are found.
 */
export interface ChatTurnPayload {
  /** Length of the prompt in characters; never its text. (0 or more) */
  prompt_length?: number | undefined;
  /** Length of the answer in characters; never its text. (0 or more) */
  response_length?: number | undefined;
  /** Name of the model that answered. (at most 500 bytes) */
  model?: string | undefined;
  /** Time until the answer was complete, in milliseconds. (0 or more) */
  latency_ms?: number | undefined;
  /** Tokens of prompt and answer together. (0 or more) */
  token_count?: number | undefined;
}

/**
 * The assistant used a tool. Shows which tools are used, how long they take and how often they
 * fail.
 */
export interface ToolCallPayload {
  /** Name of the tool. (at most 500 bytes) */
  tool_name?: string | undefined;
  /** Time the call took, in milliseconds. (0 or more) */
  duration_ms?: number | undefined;
  /** Whether the call succeeded. */
  success?: boolean | undefined;
  /** Class of the error, where it failed. (at most 500 bytes) */
  error_type?: string | undefined;
}

/** The assistant proposed a change. The base against which approvals are measured. */
export interface ProposalCreatedPayload {
  /** Id of the proposal, the same in its decision. (at most 500 bytes) */
  proposal_id?: string | undefined;
  /** Files the proposal changes. (0 or more) */
  file_count?: number | undefined;
  /** Lines added and removed together. (0 or more) */
  total_lines_changed?: number | undefined;
  /** Kind of change, such as create, edit, delete or refactor. (at most 500 bytes) */
  operation?: string | undefined;
}

/**
 * The user decided on a proposal. Shows which of the assistant's proposals people accept, and
 * how long they need to judge them.
 */
export interface ProposalDecisionPayload {
  /** Id of the proposal. (at most 500 bytes) */
  proposal_id?: string | undefined;
  /** What the user decided. */
  decision?: "approved" | "rejected" | "partial" | undefined;
  /** Time from showing the proposal to the decision, in milliseconds. (0 or more) */
  review_duration_ms?: number | undefined;
  /** Files of the proposal that were approved. (0 or more) */
  files_approved?: number | undefined;
}

/**
 * An error the application handled or saw. Finds what breaks on machines the makers do not
 * have.
 */
export interface ErrorPayload {
  /** Class of the error. (at most 500 bytes) */
  error_type?: string | undefined;
  /** The message, scrubbed and reduced to a template. (at most 8,192 bytes) */
  message?: string | undefined;
  /** The stack trace, scrubbed. (at most 8,192 bytes) */
  stack_trace?: string | undefined;
  /**
   * Where it happened: a short text, or a map of short values; scrubbed. (at most 500 bytes, or
   * 20 entries of that)
   */
  context?: string | Readonly<Record<string, string | number | boolean | null>> | undefined;
}

/**
 * A report of one error, automatic or sent by the user. Lets a user report a problem with all
 * that is needed to find it and nothing that names them.
 */
export interface ErrorReportPayload {
  /** Id of the report, shown to the user. (at most 500 bytes) */
  report_id?: string | undefined;
  /** When it happened. */
  timestamp_utc?: string | undefined;
  /** Version of the application. (at most 500 bytes) */
  app_version?: string | undefined;
  /** Operating system family. (at most 500 bytes) */
  os_type?: string | undefined;
  /** Operating system version, generalised. (at most 500 bytes) */
  os_version?: string | undefined;
  /** The application's mode at the time. (at most 500 bytes) */
  active_mode_slug?: string | undefined;
  /** The error itself. */
  error_details?: {
    /** Class of the error. (at most 500 bytes) */
    error_type?: string | undefined;
    /** The message as a template. (at most 8,192 bytes) */
    error_message_template?: string | undefined;
    /** Stack frames, scrubbed, one an entry. (100 texts, each at most 1,024 bytes) */
    anonymized_stack_trace?: readonly string[] | undefined;
    /** Part of the application that saw it. (at most 500 bytes) */
    error_source?: string | undefined;
  } | undefined;
  /** What was going on. */
  context_metadata?: {
    /** Tool in use. (at most 500 bytes) */
    active_tool_used?: string | undefined;
    /** MCP server in use. (at most 500 bytes) */
    mcp_server_name?: string | undefined;
    /** MCP tool in use. (at most 500 bytes) */
    mcp_tool_name?: string | undefined;
    /** Age of the session as a bin. */
    session_duration_approx_minutes?: "0-5" | "5-15" | "15-60" | ">60" | undefined;
  } | undefined;
  /**
   * Hash of the user's own words; the words stay on the machine unless the user includes them.
   * (at most 500 bytes)
   */
  user_description_hash?: string | undefined;
  /**
   * The user's own words, scrubbed, only where the user chose to include them. (at most 8,192
   * bytes)
   */
  user_description?: string | undefined;
  /** Version of the policy the user agreed to. (at most 500 bytes) */
  opt_in_version?: string | undefined;
}

/**
 * A process of the application ended abnormally. The least that is needed to know that a
 * release is broken.
 */
export interface CrashPayload {
  /** Which process. */
  process?: "main" | "renderer" | "gpu" | "utility" | "daemon" | undefined;
  /** Reason given by the system, such as oom, crashed or killed. (at most 500 bytes) */
  reason?: string | undefined;
  /** Exit code or signal number. (-4,294,967,296 to 4,294,967,295) */
  exit_code?: number | undefined;
}

/**
 * Binned sums over a period, in place of single usage events. Answers how much is used without
 * a record of single acts.
 */
export interface UsageSummaryPayload {
  /** Start of the period. */
  period_start?: string | undefined;
  /** End of the period. */
  period_end?: string | undefined;
  /** Sessions in the period, as a bin. */
  sessions?: "0" | "1-5" | "6-10" | "11-20" | ">20" | undefined;
  /** Time in sessions, as a bin of minutes. */
  session_minutes?: "0-5" | "5-15" | "15-60" | ">60" | undefined;
  /** Exchanges with the assistant, as a bin. */
  exchanges?: "0" | "1-5" | "6-10" | "11-20" | ">20" | undefined;
  /** For each event type, the bin of its count. */
  events?: Readonly<Record<string, "0" | "1-5" | "6-10" | "11-20" | ">20">> | undefined;
  /** For each duration field, the bin of its median. */
  durations?: Readonly<Record<string, "<1min" | "1-5min" | "5-10min" | "10-20min" | "20-60min" | ">60min">> | undefined;
  /** For each size field, the bin of its sum. */
  sizes?: Readonly<Record<string, "<50KB" | "50-100KB" | "100-200KB" | "200-500KB" | ">500KB">> | undefined;
  /**
   * For each counter that the application's catalog declares noise for, its sum with random
   * noise added on this machine. (-1e+10 or more)
   */
  noisy_counts?: Readonly<Record<string, number>> | undefined;
  /**
   * For each flag that the application's catalog declares noise for, 1 or 0, with a stated
   * chance of being wrong. (0 to 1)
   */
  noisy_flags?: Readonly<Record<string, number>> | undefined;
  /**
   * For each of these counters and flags, the epsilon it was told with: the smaller, the more
   * noise. (0 to 4)
   */
  noise_epsilon?: Readonly<Record<string, number>> | undefined;
  /** For each of these counters, the most it is told as before noise is added. (0 or more) */
  noise_maximum?: Readonly<Record<string, number>> | undefined;
}

/**
 * What became of the events since the last report. Makes losses visible, so that charts can be
 * trusted.
 */
export interface ClientReportPayload {
  /** Time of the last report. */
  period_start?: string | undefined;
  /** Time of this report. */
  period_end?: string | undefined;
  /** Events taken in. (0 or more) */
  accepted?: number | undefined;
  /** Events the collector confirmed. (0 or more) */
  delivered?: number | undefined;
  /** For each reason, events refused at the door. (0 or more) */
  rejected?: Readonly<Record<string, number>> | undefined;
  /** For each reason, events lost after they were taken in. (0 or more) */
  dropped?: Readonly<Record<string, number>> | undefined;
}

/**
 * The text of one exchange. Lets the makers see where answers go wrong, for people who chose to
 * share them.
 */
export interface ChatTurnFullPayload {
  /** The prompt, credentials removed. (at most 1,000,000 bytes) */
  prompt?: string | undefined;
  /** The answer, credentials removed. (at most 1,000,000 bytes) */
  response?: string | undefined;
}

/**
 * The diff of one proposal. Lets the makers see what was proposed, for people who chose to
 * share it.
 */
export interface ProposalDiffPayload {
  /** Id of the proposal. (at most 500 bytes) */
  proposal_id?: string | undefined;
  /** The diff, credentials removed. (at most 1,000,000 bytes) */
  diff?: string | undefined;
}

/**
 * One file before and after a proposal. Lets the makers replay a proposal, for people who chose
 * to share it.
 */
export interface FileSnapshotPayload {
  /** Id of the proposal. (at most 500 bytes) */
  proposal_id?: string | undefined;
  /** Send the path: the daemon replaces it by a keyed hash. */
  path_hash?: string | undefined;
  /** Text before, credentials removed. (at most 500,000 bytes) */
  before?: string | undefined;
  /** Text after, credentials removed. (at most 500,000 bytes) */
  after?: string | undefined;
}

/** Payload by event type, for every built-in event an application emits. */
export interface BuiltinEventMap {
  /** The application started. Level: usage. */
  SessionStart: SessionStartPayload;
  /** The application ended, or was found to have ended. Level: usage. */
  SessionEnd: SessionEndPayload;
  /** The user opened a workspace. Level: usage. */
  WorkspaceSelected: WorkspaceSelectedPayload;
  /** One exchange with the assistant. Level: usage. */
  ChatTurn: ChatTurnPayload;
  /** The assistant used a tool. Level: usage. */
  ToolCall: ToolCallPayload;
  /** The assistant proposed a change. Level: usage. */
  ProposalCreated: ProposalCreatedPayload;
  /** The user decided on a proposal. Level: usage. */
  ProposalDecision: ProposalDecisionPayload;
  /** An error the application handled or saw. Level: error. */
  Error: ErrorPayload;
  /** A report of one error, automatic or sent by the user. Level: error. */
  ErrorReport: ErrorReportPayload;
  /** A process of the application ended abnormally. Level: crash. */
  Crash: CrashPayload;
  /** The text of one exchange. Level: full. */
  ChatTurnFull: ChatTurnFullPayload;
  /** The diff of one proposal. Level: full. */
  ProposalDiff: ProposalDiffPayload;
  /** One file before and after a proposal. Level: full. */
  FileSnapshot: FileSnapshotPayload;
}

/** Payload by event type, for the events the daemon makes by itself. */
export interface DaemonEventMap {
  /** Binned sums over a period, in place of single usage events. Level: usage. */
  UsageSummary: UsageSummaryPayload;
  /** What became of the events since the last report. Level: usage. */
  ClientReport: ClientReportPayload;
}

/** The consent level each built-in event needs. */
export const BUILTIN_EVENT_LEVELS = {
  SessionStart: "usage",
  SessionEnd: "usage",
  WorkspaceSelected: "usage",
  ChatTurn: "usage",
  ToolCall: "usage",
  ProposalCreated: "usage",
  ProposalDecision: "usage",
  Error: "error",
  ErrorReport: "error",
  Crash: "crash",
  UsageSummary: "usage",
  ClientReport: "usage",
  ChatTurnFull: "full",
  ProposalDiff: "full",
  FileSnapshot: "full",
} as const satisfies Record<keyof BuiltinEventMap | keyof DaemonEventMap, Level>;
