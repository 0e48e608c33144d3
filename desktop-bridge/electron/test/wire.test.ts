import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lineSplitter } from "../src/main/lines.js";
import { Queue } from "../src/main/queue.js";
import { TEXT, decodeWebSocketFrame, encodeWebSocketFrame } from "../src/main/websocket-frame.js";

describe("lines", () => {
  test("arrive whole, however the stream is cut", () => {
    const line = fc
      .string({ minLength: 1 })
      .filter((text) => text.trim() !== "" && !text.includes("\n"));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(20)), (lines, cuts) => {
        const got: string[] = [];
        const feed = lineSplitter((one) => got.push(one));
        let text = lines.map((one) => `${one}\n`).join("");
        for (const cut of cuts) {
          feed(text.slice(0, cut));
          text = text.slice(cut);
        }
        feed(text);
        expect(got).toEqual(lines);
      }),
    );
  });

  test("an endless one is dropped, and the next is heard", () => {
    const got: string[] = [];
    const feed = lineSplitter((one) => got.push(one), 10);
    for (let part = 0; part < 10; part += 1) feed("xxxxxxxx");
    feed("tail\nnext\n");
    expect(got).toEqual(["next"]);
  });
});

describe("a queue", () => {
  test("gives back what it was given, in order, whatever was put in front", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(), fc.constant("shift"), fc.array(fc.nat()))),
        (plan) => {
          const queue = new Queue<number>();
          const model: number[] = [];
          for (const one of plan) {
            if (typeof one === "number") (queue.append(one), model.push(one));
            else if (Array.isArray(one)) (queue.prepend(one), model.unshift(...one));
            else expect(queue.shift()).toBe(model.shift());
            expect(queue.size).toBe(model.length);
          }
        },
      ),
    );
  });

  test("forgets what has left it", () => {
    const queue = new Queue<number>();
    for (let n = 0; n < 5_000; n += 1) queue.append(n);
    for (let n = 0; n < 5_000; n += 1) expect(queue.shift()).toBe(n);
    expect(queue.shift()).toBeUndefined();
  });
});

describe("WebSocket frames", () => {
  test.each([0, 1, 125, 126, 65_535, 65_536, 200_000])("of %i bytes come back", (size) => {
    const payload = randomBytes(size);
    const mask = randomBytes(4);
    const frame = encodeWebSocketFrame(TEXT, payload, mask);
    const lengthBytes = size < 126 ? 0 : size < 65_536 ? 2 : 8;
    expect(frame[1]! & 0x80).toBe(0x80);
    const body = Buffer.from(frame.subarray(2 + lengthBytes + 4)).map(
      (byte, at) => byte ^ mask[at & 3]!,
    );
    expect(Buffer.compare(body, payload)).toBe(0);
    // The server's form: the same without mask.
    const head = Buffer.from(frame.subarray(0, 2 + lengthBytes));
    head[1]! &= 0x7f;
    const decoded = decodeWebSocketFrame(Buffer.concat([head, payload, Buffer.from("rest")]));
    expect(decoded?.frame.final).toBe(true);
    expect(Buffer.compare(decoded?.frame.payload ?? Buffer.alloc(0), payload)).toBe(0);
    expect(decoded?.rest.toString()).toBe("rest");
  });

  test("any bytes give a frame or a wait, never an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodeWebSocketFrame(Buffer.from(bytes));
        expect(decoded === undefined || decoded.rest.length < bytes.length).toBe(true);
      }),
    );
  });
});
