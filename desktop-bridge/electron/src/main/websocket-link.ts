/** Reaches a daemon over its WebSocket, for systems where it has no local socket. */

import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import type { Socket } from "node:net";
import { subprotocols } from "@sidespool/protocol";
import type { Link, LinkEvents } from "./link.js";
import { LINE_CHARS_MAX } from "./policy.js";
import type { WebSocketFrame } from "./websocket-frame.js";
import {
  CLOSE,
  PING,
  PONG,
  TEXT,
  decodeWebSocketFrame,
  encodeWebSocketFrame,
} from "./websocket-frame.js";

// RFC 6455, section 1.3.
const ACCEPT_SALT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** `url` is the ready line's; the token goes in the subprotocol, as a browser's does. */
export function connectWebSocket(url: string, token: string, events: LinkEvents): Link {
  const key = randomBytes(16).toString("base64");
  const accept = createHash("sha1")
    .update(key + ACCEPT_SALT)
    .digest("base64");
  const waiting: string[] = [];
  let socket: Socket | undefined;
  let over = false;
  const end = (): void => {
    socket?.destroy();
    if (over) return;
    over = true;
    events.onEnd();
  };
  const asked = request(`${url}/v1/socket`, {
    headers: {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": key,
      "Sec-WebSocket-Protocol": subprotocols(token).join(", "),
    },
  });
  asked.on("error", end).on("response", end);
  asked.on("upgrade", (answer, upgraded: Socket, head) => {
    socket = upgraded;
    if (over || answer.headers["sec-websocket-accept"] !== accept) return end();
    upgraded.on("error", end).on("close", end);
    receive(upgraded, head, events, end);
    for (const text of waiting.splice(0)) write(upgraded, TEXT, Buffer.from(text));
  });
  asked.end();
  return {
    send: (frame) => {
      if (over) return;
      if (socket === undefined) waiting.push(frame);
      else write(socket, TEXT, Buffer.from(frame));
    },
    close: () => {
      over = true;
      if (socket === undefined) asked.destroy();
      else socket.end(encodeWebSocketFrame(CLOSE, Buffer.alloc(0), randomBytes(4)));
      socket?.unref();
    },
  };
}

function write(socket: Socket, opcode: number, payload: Buffer): void {
  if (socket.writable) socket.write(encodeWebSocketFrame(opcode, payload, randomBytes(4)));
}

function receive(socket: Socket, head: Buffer, events: LinkEvents, end: () => void): void {
  let data = Buffer.alloc(0);
  let parts: Buffer[] = [];
  const take = (frame: WebSocketFrame): void => {
    if (frame.opcode === CLOSE) return end();
    if (frame.opcode === PING) return write(socket, PONG, frame.payload);
    if (frame.opcode === PONG) return;
    parts.push(frame.payload);
    if (!frame.final) return;
    events.onText(Buffer.concat(parts).toString("utf8"));
    parts = [];
  };
  const feed = (chunk: Buffer): void => {
    data = Buffer.concat([data, chunk]);
    if (data.length > LINE_CHARS_MAX) return end();
    for (let next = decodeWebSocketFrame(data); next; next = decodeWebSocketFrame(data)) {
      data = Buffer.from(next.rest);
      take(next.frame);
    }
  };
  socket.on("data", feed);
  feed(head);
}
