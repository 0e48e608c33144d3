/** Names of what main process, preload script and page say to each other. */

/** Asked by the page (invoke): where the daemon listens; see `Door`. */
export const DOOR_CHANNEL = "sidespool:door";
/** A port for frames, where a WebSocket is not allowed; also the page message that brings it. */
export const PORT_CHANNEL = "sidespool:port";
/** Told by the page: how many of its events nobody has acknowledged yet. */
export const PENDING_CHANNEL = "sidespool:pending";
/** Told by a page that goes: the events nobody has acknowledged, each as JSON. */
export const HAND_OVER_CHANNEL = "sidespool:hand-over";
/** Told to pages that asked for the door: it moved, or the settings changed; see `BridgeState`. */
export const STATE_CHANNEL = "sidespool:state";

/** Where and how a page reaches the daemon over a WebSocket. */
export interface Door {
  /** `http://127.0.0.1:PORT`; the socket is at `/v1/socket` behind it. */
  readonly url: string;
  /** For the WebSocket subprotocol. Keep it in memory only. */
  readonly token: string;
  /** For the page's hello, so that its events belong to the app's session. */
  readonly session_id: string;
  readonly protocol: number;
}

/** What a page is told when something changes; a new door has to be asked for. */
export interface BridgeState {
  /** Grows whenever the door moved: sockets and ports of an older one are of no use. */
  readonly generation: number;
  readonly ready: boolean;
  readonly level: string;
}

/** What the preload script puts at `window.sidespool`. */
export interface SidespoolBridge {
  readonly version: 1;
  /** Null while there is no daemon, and for pages that are not the app's own. */
  door(): Promise<Door | null>;
  /**
   * Asks for a MessagePort that carries the frames of the protocol as objects. It comes as a
   * `message` event on `window`, with `data === "sidespool:port"` and the port in `ports[0]`, and
   * is closed when the daemon is gone: `onState` tells, since old browsers tell nothing of that.
   */
  openPort(): void;
  /**
   * How many events of this page nobody has acknowledged. Should the page crash, the main process
   * counts so many as lost.
   */
  pending(count: number): void;
  /** The page goes: the main process sends these events, each as JSON, with the ids they have. */
  handOver(events: readonly string[]): void;
  /** Returns what ends the subscription. */
  onState(listener: (state: BridgeState) => void): () => void;
}
