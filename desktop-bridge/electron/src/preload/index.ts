/** Hands the page one object, and decides nothing: the main process checks every request. */

import { contextBridge, ipcRenderer } from "electron";
import type { BridgeState, SidespoolBridge } from "../channel.js";
import {
  DOOR_CHANNEL,
  HAND_OVER_CHANNEL,
  PENDING_CHANNEL,
  PORT_CHANNEL,
  STATE_CHANNEL,
} from "../channel.js";

export type { BridgeState, Door, SidespoolBridge } from "../channel.js";

const bridge: SidespoolBridge = {
  version: 1,
  door: () => ipcRenderer.invoke(DOOR_CHANNEL),
  openPort: () => {
    const { port1, port2 } = new MessageChannel();
    ipcRenderer.postMessage(PORT_CHANNEL, null, [port1]);
    // "/" delivers to this page's own origin only.
    window.postMessage(PORT_CHANNEL, "/", [port2]);
  },
  pending: (count) => ipcRenderer.send(PENDING_CHANNEL, count),
  handOver: (events) => ipcRenderer.send(HAND_OVER_CHANNEL, events),
  onState: (listener) => {
    const forward = (_event: unknown, state: BridgeState): void => listener(state);
    ipcRenderer.on(STATE_CHANNEL, forward);
    return () => {
      ipcRenderer.removeListener(STATE_CHANNEL, forward);
    };
  },
};

contextBridge.exposeInMainWorld("sidespool", bridge);
