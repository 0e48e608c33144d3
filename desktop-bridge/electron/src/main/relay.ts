/**
 * Carries frames between a page's MessagePort and the daemon, for pages that may not open a
 * WebSocket. Ids are exchanged on the way, since all pages share one connection; a port that the
 * daemon's end interrupts is closed, as a socket would be, and the page sends again by another.
 */

import type { ClientFrame, DaemonFrame, SettingsView, WelcomeFrame } from "@sidespool/protocol";
import { encodeFrame } from "@sidespool/protocol";
import type { PortLike } from "./electron-like.js";
import type { Link } from "./link.js";
import { FRAME_EVENTS_MAX, RELAYED_MAX } from "./policy.js";

type PageFrame = Exclude<ClientFrame, { op: "hello" | "goodbye" | "shutdown" | "view" }>;
type Id = number | string | null;

interface Asked {
  readonly port: PortLike;
  readonly id: Id;
}

/** What a page may ask; hello and goodbye are answered here, and only the app ends the daemon. */
const OPS: ReadonlySet<unknown> = new Set<PageFrame["op"]>([
  ...(["emit", "set", "consent", "attach", "lost", "report", "reports"] as const),
  ...(["status", "flush", "reset"] as const),
]);
const MALFORMED: DaemonFrame = { op: "error", reason: "malformed" };

export class Relay {
  #link: Link | undefined;
  readonly #ports = new Set<PortLike>();
  readonly #asked = new Map<number, Asked>();

  constructor(
    private readonly nextId: () => number,
    private readonly welcome: () => WelcomeFrame | undefined,
  ) {}

  open(link: Link): void {
    this.#link = link;
  }

  lost(): void {
    this.#link = undefined;
    this.#asked.clear();
    for (const port of this.#ports) port.close();
    this.#ports.clear();
  }

  /** Closes a port at once where there is no daemon: the page is told when there is one. */
  take(port: PortLike): void {
    if (this.#link === undefined || this.welcome() === undefined) return port.close();
    this.#ports.add(port);
    port.on("message", ({ data }) => this.#onMessage(port, data));
    port.on("close", () => this.#forget(port));
    port.start();
  }

  /** True where it answered one of the pages' questions. */
  onFrame(frame: DaemonFrame): boolean {
    const asked = typeof frame.id === "number" ? this.#asked.get(frame.id) : undefined;
    if (asked === undefined) return false;
    this.#asked.delete(frame.id as number);
    asked.port.postMessage({ ...frame, id: asked.id });
    return true;
  }

  /** Every page is told of every change, as on a socket. */
  onSettings(view: SettingsView): void {
    for (const port of this.#ports) port.postMessage({ ...view, op: "settings", id: null });
  }

  #onMessage(port: PortLike, data: unknown): void {
    const frame = asObject(data);
    if (frame?.["op"] === "hello") {
      port.postMessage({ ...this.welcome(), id: asId(frame["id"]) });
    } else if (frame?.["op"] === "goodbye") {
      this.#forget(port);
      port.close();
    } else if (frame !== undefined && isPageFrame(frame)) {
      this.#forward(port, frame);
    } else port.postMessage({ ...MALFORMED, id: asId(frame?.["id"]) });
  }

  #forward(port: PortLike, frame: PageFrame): void {
    if (this.#asked.size >= RELAYED_MAX || this.#link === undefined) {
      port.postMessage({ op: "error", reason: "rate_limited", id: asId(frame.id) });
      return;
    }
    const id = this.nextId();
    this.#asked.set(id, { port, id: asId(frame.id) });
    this.#link.send(encodeFrame({ ...frame, id }));
  }

  #forget(port: PortLike): void {
    this.#ports.delete(port);
    for (const [id, asked] of this.#asked) if (asked.port === port) this.#asked.delete(id);
  }
}

function asObject(data: unknown): Record<string, unknown> | undefined {
  return typeof data === "object" && data !== null && !Array.isArray(data)
    ? (data as Record<string, unknown>)
    : undefined;
}

const asId = (id: unknown): Id => (typeof id === "number" || typeof id === "string" ? id : null);

/** The daemon checks the contents; here only what would be trusted because it comes from us. */
function isPageFrame(frame: Record<string, unknown>): frame is Record<string, unknown> & PageFrame {
  if (!OPS.has(frame["op"]) || "secrets" in frame) return false;
  const { events } = frame as { events?: unknown };
  return frame["op"] !== "emit" || (Array.isArray(events) && events.length <= 2 * FRAME_EVENTS_MAX);
}
