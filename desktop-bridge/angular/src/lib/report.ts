/** Error reports by a person: what the app gives, and the frame that the daemon takes. */

import type { ReportFrame } from '@sidespool/protocol';

import { errorPayload } from './exception';

/** Texts are scrubbed by the daemon before anything is kept. */
export interface ErrorReportDetails {
  /** What was thrown, if anything. */
  readonly thrown?: unknown;
  /** In the user's own words. They leave this machine as a keyed hash, unless included. */
  readonly description?: string;
  /** The user has ticked that the words may be sent, scrubbed. */
  readonly includeDescription?: boolean;
  /** Names of the app's own mode and tool, where they help. */
  readonly mode?: string;
  readonly tool?: string;
  /** Only shows what would be stored. */
  readonly preview?: boolean;
}

/** A report as it is stored and will be sent. */
export interface ErrorReport {
  readonly report_id: string;
  /** False for a preview. */
  readonly stored: boolean;
  readonly event: Readonly<Record<string, unknown>>;
}

export function reportFrame(details: ErrorReportDetails): ReportFrame {
  const { thrown, description, includeDescription, mode, tool, preview } = details;
  const { error_type, message, stack_trace } = thrown === undefined ? {} : errorPayload(thrown);
  return {
    op: 'report',
    error_type,
    message,
    stack_trace,
    source: 'renderer',
    mode,
    tool,
    description,
    include_description: includeDescription === true,
    preview: preview === true,
  };
}
