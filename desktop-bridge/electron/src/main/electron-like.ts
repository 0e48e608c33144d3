/**
 * What is used of Electron, as shapes. The app hands its own `app` and `ipcMain` in, so this
 * package imports no Electron, runs under plain Node in tests, and fits every version from 22 on.
 */

type Listener<Arguments extends unknown[]> = (...given: Arguments) => void;

export interface QuitEventLike {
  readonly defaultPrevented?: boolean;
  preventDefault(): void;
}

export interface ProcessGoneLike {
  readonly reason: string;
  readonly exitCode: number;
}

/** A `BrowserWindow`. */
export interface WindowLike {
  on(event: "unresponsive", listener: Listener<[]>): unknown;
  on(event: "session-end", listener: Listener<[]>): unknown;
}

/** Electron's `app`. */
export interface AppLike {
  readonly isPackaged: boolean;
  getVersion(): string;
  quit(): void;
  on(event: "will-quit", listener: Listener<[QuitEventLike]>): unknown;
  on(event: "browser-window-created", listener: Listener<[unknown, WindowLike]>): unknown;
  on(
    event: "render-process-gone",
    listener: Listener<[unknown, unknown, ProcessGoneLike]>,
  ): unknown;
  on(
    event: "child-process-gone",
    listener: Listener<[unknown, ProcessGoneLike & { readonly type: string }]>,
  ): unknown;
}

/** Electron's `powerMonitor`. */
export interface PowerMonitorLike {
  on(event: "resume", listener: Listener<[]>): unknown;
}

/** Electron's `shell`. */
export interface ShellLike {
  openExternal(url: string): Promise<unknown>;
}

/** Where a message came from; null, or a getter that throws, once the frame is gone. */
export interface FrameLike {
  readonly url: string;
  readonly parent: unknown;
}

/** A page, as the sender of a message. */
export interface SenderLike {
  readonly id: number;
  send(channel: string, ...given: unknown[]): void;
  isDestroyed(): boolean;
  once(event: "destroyed", listener: Listener<[]>): unknown;
  /** Its process is gone; another document stands where it stood. */
  on(event: "render-process-gone" | "did-navigate", listener: Listener<unknown[]>): unknown;
}

/** A `MessagePortMain`. */
export interface PortLike {
  postMessage(message: unknown): void;
  start(): void;
  close(): void;
  on(event: "message", listener: Listener<[{ readonly data: unknown }]>): unknown;
  on(event: "close", listener: Listener<[]>): unknown;
}

export interface InvokeEventLike {
  readonly senderFrame: FrameLike | null;
  readonly sender: SenderLike;
}

export interface MessageEventLike extends InvokeEventLike {
  readonly ports: readonly PortLike[];
}

/** Electron's `ipcMain`. */
export interface IpcMainLike {
  handle(channel: string, answer: (event: InvokeEventLike, ...given: unknown[]) => unknown): void;
  removeHandler(channel: string): void;
  on(channel: string, listener: Listener<[MessageEventLike, ...unknown[]]>): unknown;
  // As Electron declares it: `never[]` would not accept Electron's own.
  removeListener(channel: string, listener: (...given: any[]) => void): unknown;
}
