/** Electron's `app` and `ipcMain` without Electron: the test makes the events happen. */

import { EventEmitter } from "node:events";
import type {
  AppLike,
  InvokeEventLike,
  IpcMainLike,
  MessageEventLike,
  PortLike,
  SenderLike,
} from "../main/electron-like.js";

export interface FakeApp extends AppLike {
  /** How often `quit` went all the way: nobody prevented it. */
  readonly quits: number;
  /** Makes an event of Electron's happen. */
  happen(event: string, ...given: unknown[]): void;
}

/** An unpackaged app, version 1.2.3; `quit` asks its `will-quit` listeners as Electron does. */
export function createFakeApp(): FakeApp {
  const emitter = new EventEmitter();
  let quits = 0;
  return {
    isPackaged: false,
    getVersion: () => "1.2.3",
    get quits() {
      return quits;
    },
    happen: (event, ...given) => void emitter.emit(event, ...given),
    quit: () => {
      const event = {
        defaultPrevented: false,
        preventDefault() {
          this.defaultPrevented = true;
        },
      };
      emitter.emit("will-quit", event);
      if (!event.defaultPrevented) quits += 1;
    },
    on: (event: string, listener: (...given: never[]) => void) =>
      emitter.on(event, listener as (...given: unknown[]) => void),
  };
}

export interface FakeIpcMain extends IpcMainLike {
  /** A page asks. */
  invoke(channel: string, event: InvokeEventLike, ...given: unknown[]): unknown;
  /** A page posts. */
  post(channel: string, event: MessageEventLike, ...given: unknown[]): void;
}

export function createFakeIpcMain(): FakeIpcMain {
  const answers = new Map<string, (event: InvokeEventLike, ...given: unknown[]) => unknown>();
  const emitter = new EventEmitter();
  type Heard = (...given: unknown[]) => void;
  return {
    handle: (channel, answer) => void answers.set(channel, answer),
    removeHandler: (channel) => void answers.delete(channel),
    on: (channel, listener) => emitter.on(channel, listener as Heard),
    removeListener: (channel, listener) => emitter.removeListener(channel, listener as Heard),
    invoke: (channel, event, ...given) => {
      const answer = answers.get(channel);
      if (answer === undefined) throw new Error(`nobody answers on ${channel}`);
      return answer(event, ...given);
    },
    post: (channel, event, ...given) => void emitter.emit(channel, event, ...given),
  };
}

export interface FakePage extends SenderLike {
  /** What it was sent: channel and arguments. */
  readonly received: unknown[][];
  destroy(): void;
  /** Its process dies, or it navigates. */
  happen(event: "render-process-gone" | "did-navigate"): void;
}

let pages = 0;

export function createFakePage(): FakePage {
  const emitter = new EventEmitter();
  const received: unknown[][] = [];
  let destroyed = false;
  return {
    id: (pages += 1),
    received,
    send: (...sent) => void received.push(sent),
    isDestroyed: () => destroyed,
    once: (event, listener) => emitter.once(event, listener),
    on: (event: string, listener: (...given: unknown[]) => void) => emitter.on(event, listener),
    happen: (event) => void emitter.emit(event),
    destroy: () => {
      destroyed = true;
      emitter.emit("destroyed");
    },
  };
}

/** A message from the main frame of a page at this address. */
export function messageFrom(
  url: string,
  more: { sender?: SenderLike; ports?: readonly PortLike[]; parent?: unknown } = {},
): MessageEventLike {
  const { sender = createFakePage(), ports = [], parent = null } = more;
  return { senderFrame: { url, parent }, sender, ports };
}

export interface FakePort extends PortLike {
  /** What the main process posted to the page. */
  readonly received: unknown[];
  readonly closed: boolean;
  /** The page posts. */
  say(message: unknown): void;
}

export function createFakePort(): FakePort {
  const emitter = new EventEmitter();
  const received: unknown[] = [];
  let closed = false;
  return {
    received,
    get closed() {
      return closed;
    },
    postMessage: (message) => void received.push(message),
    start: () => {},
    close: () => {
      closed = true;
      emitter.emit("close");
    },
    on: (event: string, listener: (...given: never[]) => void) =>
      emitter.on(event, listener as (...given: unknown[]) => void),
    say: (data) => void emitter.emit("message", { data }),
  };
}
