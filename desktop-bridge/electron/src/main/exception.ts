/** Turns whatever was thrown into the payload of an `Error` event. The daemon scrubs it. */

import type { ErrorPayload, ReportFrame } from "@sidespool/protocol";
import type { ErrorReportDetails } from "./options.js";
import { STACK_CHARS_MAX } from "./policy.js";

export type ExceptionContext = NonNullable<ErrorPayload["context"]>;

/** Never throws, whatever was thrown: proxies and getters included. */
export function errorPayload(thrown: unknown, context?: ExceptionContext): ErrorPayload {
  const payload = thrown instanceof Error ? fromError(thrown) : fromAnything(thrown);
  return context === undefined ? payload : { ...payload, context };
}

function fromError(error: Error): ErrorPayload {
  return {
    error_type: read(() => error.name) ?? "Error",
    message: read(() => error.message) ?? "",
    stack_trace: read(() => error.stack) ?? "",
  };
}

function fromAnything(thrown: unknown): ErrorPayload {
  return { error_type: typeof thrown, message: read(() => String(thrown)) ?? "" };
}

function read(member: () => unknown): string | undefined {
  try {
    const value = member();
    return typeof value === "string" ? value.slice(0, STACK_CHARS_MAX) : undefined;
  } catch {
    return undefined;
  }
}

/** A person's report as the daemon takes it. */
export function reportFrame(details: ErrorReportDetails, preview: boolean): ReportFrame {
  const { thrown, description, includeDescription, mode, tool } = details;
  const error = thrown === undefined ? undefined : errorPayload(thrown);
  return {
    op: "report",
    error_type: error?.error_type,
    message: error?.message,
    stack_trace: error?.stack_trace,
    source: "main",
    mode,
    tool,
    description,
    include_description: includeDescription === true,
    preview,
  };
}
