/** One line to the daemon: a WebSocket, or a port through the main process. Frames either way. */

import type { DaemonFrame } from '@sidespool/protocol';
import { decodeFrame, socketUrl, subprotocols } from '@sidespool/protocol';

import type { Bridge, Door } from './bridge';
import { PORT_MESSAGE } from './bridge';

export interface Line {
  /** Takes one frame as JSON; a line that has gone swallows it. */
  send(frame: string): void;
  /** Silently: no event follows. */
  close(): void;
}

export interface LineEvents {
  opened(): void;
  frameCame(frame: DaemonFrame): void;
  gone(): void;
  /** A policy of the page or the browser does not allow this road. */
  forbidden(): void;
}

export function openSocket(door: Door, events: LineEvents): Line {
  const url = socketUrl(door.url);
  let socket: WebSocket | undefined;
  const release = (): void => removeEventListener('securitypolicyviolation', violated);
  const violated = (event: SecurityPolicyViolationEvent): void => {
    // Browsers give the blocked address with or without its path.
    if (event.disposition === 'enforce' && sameOrigin(event.blockedURI, url)) events.forbidden();
  };
  addEventListener('securitypolicyviolation', violated);
  try {
    socket = new WebSocket(url, subprotocols(door.token));
    listen(socket, events, release);
  } catch {
    // The constructor throws where mixed content or a policy forbids the address outright.
    release();
    queueMicrotask(() => events.forbidden());
  }
  return {
    send: (frame) => socket?.readyState === WebSocket.OPEN && socket.send(frame),
    close: () => {
      release();
      mute(socket);
      socket?.close();
    },
  };
}

function listen(socket: WebSocket, events: LineEvents, release: () => void): void {
  socket.onopen = () => {
    release();
    events.opened();
  };
  socket.onmessage = ({ data }) => {
    const frame = typeof data === 'string' ? decodeFrame(data) : undefined;
    if (frame !== undefined) events.frameCame(frame);
  };
  // A violation is reported after the close in some browsers: it gets its turn first.
  socket.onclose = () =>
    setTimeout(() => {
      release();
      events.gone();
    });
}

function mute(socket: WebSocket | undefined): void {
  if (socket === undefined) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
}

function sameOrigin(blocked: string, url: string): boolean {
  try {
    return new URL(blocked).host === new URL(url).host;
  } catch {
    return false;
  }
}

export function openPort(bridge: Bridge, events: LineEvents): Line {
  let port: MessagePort | undefined;
  let closed = false;
  const release = (): void => removeEventListener('message', arrived);
  const arrived = (event: MessageEvent<unknown>): void => {
    const [given] = event.ports;
    if (event.data !== PORT_MESSAGE || event.source !== window || given === undefined) return;
    release();
    if (closed) return given.close();
    port = given;
    port.onmessage = ({ data }) => {
      // The same check as for text: what is no frame is no answer.
      const frame = decodeFrame(JSON.stringify(data) ?? '');
      if (frame !== undefined) events.frameCame(frame);
    };
    port.addEventListener('close', () => !closed && events.gone());
    events.opened();
  };
  addEventListener('message', arrived);
  bridge.openPort();
  return {
    send: (frame) => port?.postMessage(JSON.parse(frame)),
    close: () => {
      closed = true;
      release();
      port?.close();
    },
  };
}

/** How lines are opened; a test opens others. */
export interface Roads {
  socket(door: Door, events: LineEvents): Line;
  port(bridge: Bridge, events: LineEvents): Line;
}

export const ROADS: Roads = { socket: openSocket, port: openPort };
