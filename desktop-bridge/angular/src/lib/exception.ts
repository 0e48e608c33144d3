/** Writes anything that was thrown as an `Error` event. The daemon scrubs; nothing here does. */

import type { ErrorPayload } from '@sidespool/protocol';

/** More is cut by the daemon anyway. */
const TEXT_CHARS_MAX = 8_192;
const NAME_CHARS_MAX = 128;

export type ExceptionContext = NonNullable<ErrorPayload['context']>;

/** Never throws, whatever was thrown: a getter of it may. */
export function errorPayload(thrown: unknown, context?: ExceptionContext): ErrorPayload {
  const rest = context === undefined ? {} : { context };
  try {
    return { ...describe(origin(thrown)), ...rest };
  } catch {
    return { error_type: 'Unreadable', ...rest };
  }
}

/** Zones and Angular wrap what was thrown; the origin says more. */
export function origin(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) return thrown;
  const wrapped = thrown as { rejection?: unknown; ngOriginalError?: unknown };
  return wrapped.rejection ?? wrapped.ngOriginalError ?? thrown;
}

function describe(thrown: unknown): ErrorPayload {
  if (typeof thrown !== 'object' || thrown === null) {
    return { error_type: typeof thrown, message: cut(String(thrown), TEXT_CHARS_MAX) };
  }
  const { name, message, stack } = thrown as Partial<Record<'name' | 'message' | 'stack', unknown>>;
  const type = typeof name === 'string' && name !== '' ? name : thrown.constructor?.name;
  return {
    error_type: cut(type || 'Object', NAME_CHARS_MAX),
    ...(typeof message === 'string' ? { message: cut(message, TEXT_CHARS_MAX) } : {}),
    ...(typeof stack === 'string' ? { stack_trace: cut(stack, TEXT_CHARS_MAX) } : {}),
  };
}

const cut = (text: string, max: number): string => (text.length > max ? text.slice(0, max) : text);
