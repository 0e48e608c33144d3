/** A page with the preload script's bridge in it, and the main process's end of it in this test. */

import { connect } from 'node:net';

import type { Page } from 'playwright-core';

import type { Daemon } from './daemon';

declare global {
  interface Window {
    /** From the page to this test. */
    askDoor(): Promise<unknown>;
    toMain(port: number, frame: string): Promise<void>;
    /** From this test to the page. */
    fromMain(port: number, frame: string): void;
    tellState(state: object): void;
  }
}

/** Call before the page is opened. */
export async function giveBridge(page: Page, daemon: Daemon): Promise<void> {
  await page.exposeFunction('askDoor', () => {
    const { ready } = daemon;
    return ready === undefined ? null : { url: ready.url, token: ready.token, session_id: 'page-session' };
  });
  const sockets = new Map<number, ReturnType<typeof connect>>();
  await page.exposeFunction('toMain', (port: number, frame: string) => {
    if (!sockets.has(port)) sockets.set(port, relay(page, daemon, port));
    const greets = (JSON.parse(frame) as { op: string }).op === 'hello';
    const withToken = greets ? { ...(JSON.parse(frame) as object), token: daemon.ready?.token } : undefined;
    sockets.get(port)?.write(`${withToken === undefined ? frame : JSON.stringify(withToken)}\n`);
  });
  await page.addInitScript(inPage);
}

/** What the main process does for a page's port: frames to the daemon and back. */
function relay(page: Page, daemon: Daemon, port: number): ReturnType<typeof connect> {
  const socket = connect(daemon.ready?.socket ?? '');
  let rest = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      page.evaluate(([to, frame]) => window.fromMain(to, frame), [port, line] as const).catch(() => undefined);
    }
  });
  return socket;
}

function inPage(): void {
  const ports: MessagePort[] = [];
  const listeners: ((state: object) => void)[] = [];
  window.fromMain = (port, frame) => ports[port]?.postMessage(JSON.parse(frame));
  window.tellState = (state) => listeners.forEach((listener) => listener(state));
  const bridge = {
    version: 1,
    door: () => window.askDoor(),
    openPort: () => {
      const { port1, port2 } = new MessageChannel();
      const at = ports.push(port1) - 1;
      port1.onmessage = ({ data }) => void window.toMain(at, JSON.stringify(data));
      window.postMessage('sidespool:port', '/', [port2]);
    },
    onState: (listener: (state: object) => void) => {
      listeners.push(listener);
      return () => undefined;
    },
  };
  Object.defineProperty(window, 'sidespool', { value: Object.freeze(bridge) });
}
