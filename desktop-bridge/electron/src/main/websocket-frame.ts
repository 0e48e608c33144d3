/**
 * Frames of RFC 6455 as far as a client of our own daemon needs them: text, close, ping and pong.
 * Layout (section 5.2): byte 0 FIN and opcode; byte 1 mask bit and length (126: 16 bits follow,
 * 127: 64 bits follow); 4 bytes of mask from a client; payload.
 */

export const TEXT = 0x1;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

export interface WebSocketFrame {
  readonly opcode: number;
  readonly final: boolean;
  readonly payload: Buffer;
}

/** A client's frame; `mask` are 4 random bytes. */
export function encodeWebSocketFrame(opcode: number, payload: Buffer, mask: Buffer): Buffer {
  const size = payload.length;
  const lengthBytes = size < 126 ? 0 : size < 65_536 ? 2 : 8;
  const out = Buffer.alloc(2 + lengthBytes + 4 + size);
  out[0] = 0x80 | opcode;
  out[1] = 0x80 | (lengthBytes === 0 ? size : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) out.writeUInt16BE(size, 2);
  if (lengthBytes === 8) out.writeBigUInt64BE(BigInt(size), 2);
  mask.copy(out, 2 + lengthBytes);
  const start = 2 + lengthBytes + 4;
  for (let at = 0; at < size; at += 1) {
    out[start + at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  }
  return out;
}

/** The first whole frame of a server's bytes with what follows it; undefined while incomplete. */
export function decodeWebSocketFrame(
  data: Buffer,
): { readonly frame: WebSocketFrame; readonly rest: Buffer } | undefined {
  if (data.length < 2) return undefined;
  const short = (data[1] ?? 0) & 0x7f;
  const start = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (data.length < start) return undefined;
  const size =
    short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short;
  if (data.length < start + size) return undefined;
  const first = data[0] ?? 0;
  const payload = data.subarray(start, start + size);
  const frame = { opcode: first & 0x0f, final: (first & 0x80) !== 0, payload };
  return { frame, rest: data.subarray(start + size) };
}
