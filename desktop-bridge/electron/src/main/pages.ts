/** Answers the app's own pages through `ipcMain`; every message is judged by who sent it. */

import type { BridgeState, Door } from "../channel.js";
import { DOOR_CHANNEL, PORT_CHANNEL, STATE_CHANNEL } from "../channel.js";
import type {
  InvokeEventLike,
  IpcMainLike,
  MessageEventLike,
  PortLike,
  SenderLike,
} from "./electron-like.js";
import { senderAllowed } from "./sender.js";

export interface PageHands {
  /** Where the daemon listens, or null while there is none. */
  door(): Door | null;
  takePort(port: PortLike): void;
  state(): BridgeState;
}

export class Pages {
  /** Pages that asked for the door: only they are told of changes. */
  readonly #known = new Map<number, SenderLike>();
  /** Messages from elsewhere, refused. */
  refused = 0;

  constructor(
    private readonly ipcMain: IpcMainLike,
    private readonly origins: readonly string[],
    private readonly hands: PageHands,
  ) {
    ipcMain.handle(DOOR_CHANNEL, (event, ...given) => this.#onDoor(event, given));
    ipcMain.on(PORT_CHANNEL, this.#onPort);
  }

  /** Tells the pages that something changed. */
  publish(): void {
    const state = this.hands.state();
    for (const [id, page] of this.#known) {
      if (page.isDestroyed()) this.#known.delete(id);
      else page.send(STATE_CHANNEL, state);
    }
  }

  close(): void {
    this.ipcMain.removeHandler(DOOR_CHANNEL);
    this.ipcMain.removeListener(PORT_CHANNEL, this.#onPort);
    this.#known.clear();
  }

  #onDoor(event: InvokeEventLike, given: unknown[]): Door | null {
    if (given.length > 0 || !senderAllowed(event, this.origins)) {
      this.refused += 1;
      return null;
    }
    this.#remember(event.sender);
    return this.hands.door();
  }

  readonly #onPort = (event: MessageEventLike, ...given: unknown[]): void => {
    const [port, ...more] = event.ports;
    const shaped = port !== undefined && more.length === 0 && given.every((one) => one === null);
    if (shaped && senderAllowed(event, this.origins)) {
      this.#remember(event.sender);
      this.hands.takePort(port);
      return;
    }
    this.refused += 1;
    for (const one of event.ports) one.close();
  };

  #remember(page: SenderLike): void {
    if (this.#known.has(page.id)) return;
    this.#known.set(page.id, page);
    page.once("destroyed", () => this.#known.delete(page.id));
  }
}
