/** Frames to text and back: one JSON object each, on every transport. */

import type { ClientFrame, DaemonFrame, ReadyLine } from "./frame.js";
import { PROTOCOL, SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "./frame.js";

const DAEMON_OPS: ReadonlySet<unknown> = new Set<DaemonFrame["op"]>([
  "welcome",
  "ack",
  "settings",
  "result",
  "error",
]);

// An escaped backslash is matched first, so that the text `\ud800` itself is left alone.
const LONE_SURROGATE = /\\\\|\\u[dD][89a-fA-F][0-9a-fA-F]{2}/g;

/**
 * The frame as JSON on one line. Half a surrogate pair (a text cut within an emoji) is no Unicode
 * and would make the daemon refuse the event: it becomes U+FFFD.
 */
export function encodeFrame(frame: ClientFrame): string {
  const text = JSON.stringify(frame);
  if (!text.includes("\\ud")) return text;
  return text.replace(LONE_SURROGATE, (found) => (found === "\\\\" ? found : "\ufffd"));
}

/** What the daemon said, or undefined for any text that is not one of its frames. */
export function decodeFrame(text: string): DaemonFrame | undefined {
  const value = parseObject(text);
  return value !== undefined && DAEMON_OPS.has(value["op"])
    ? (value as unknown as DaemonFrame)
    : undefined;
}

/** The daemon's ready line, or undefined for any other text or another protocol version. */
export function decodeReadyLine(text: string): ReadyLine | undefined {
  const value = parseObject(text);
  if (value === undefined || value["op"] !== "ready" || value["protocol"] !== PROTOCOL) {
    return undefined;
  }
  const sound =
    typeof value["url"] === "string" &&
    typeof value["token"] === "string" &&
    typeof value["pid"] === "number";
  return sound ? (value as unknown as ReadyLine) : undefined;
}

/** The subprotocols a browser asks for, which carry the token where no header can. */
export function subprotocols(token: string): [string, string] {
  return [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token];
}

/** The address of the WebSocket door behind a daemon's `url`. */
export function socketUrl(url: string): string {
  return `${url.replace(/^http/, "ws").replace(/\/+$/, "")}/v1/socket`;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
