/** Turns whatever was thrown into the payload of an `Error` event. The daemon scrubs it. */

import type { ErrorPayload } from "@sidespool/protocol";
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
