/** What the preload script of `@sidespool/electron` puts at `window.sidespool`. */

/** Where and how a page reaches the daemon. */
export interface Door {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Kept in memory only. */
  readonly token: string;
  /** Joins this page's events to the app's session. */
  readonly session_id?: string;
}

/** Told when something changes; `generation` grows whenever the door moved. */
export interface BridgeState {
  readonly generation: number;
  readonly ready: boolean;
}

export interface Bridge {
  readonly version: 1;
  /** Null while there is no daemon, and for pages that are not the app's own. */
  door(): Promise<Door | null>;
  /** Asks for a MessagePort; it comes as a `message` event with `data === PORT_MESSAGE`. */
  openPort(): void;
  /** How many events of this page nobody has acknowledged: lost, should the page crash. */
  pending?(count: number): void;
  /** The page goes: the main process sends these events, each as JSON. */
  handOver?(events: readonly string[]): void;
  /** Returns what ends the subscription. */
  onState(listener: (state: BridgeState) => void): () => void;
}

export const PORT_MESSAGE = 'sidespool:port';

/** The bridge, or undefined in a browser, on a server, in a test. */
export function findBridge(global: unknown): Bridge | undefined {
  const found = (global as { readonly sidespool?: unknown } | undefined)?.sidespool;
  if (typeof found !== 'object' || found === null) return undefined;
  const candidate = found as Partial<Bridge>;
  const sound =
    candidate.version === 1 &&
    typeof candidate.door === 'function' &&
    typeof candidate.openPort === 'function' &&
    typeof candidate.onState === 'function';
  return sound ? (candidate as Bridge) : undefined;
}
