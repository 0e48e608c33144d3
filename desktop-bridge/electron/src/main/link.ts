/** A connection to the daemon: frames as lines of text, whatever carries them. */

export interface Link {
  /** One encoded frame, without a line's end. Never throws; a dead link drops it. */
  send(frame: string): void;
  /** Ends the connection; `onEnd` is not called for it. */
  close(): void;
}

export interface LinkEvents {
  /** One frame's text. */
  onText(text: string): void;
  /** The connection is gone, or never came about. At most once. */
  onEnd(): void;
}
