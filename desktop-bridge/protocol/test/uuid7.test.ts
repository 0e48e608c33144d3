import assert from "node:assert/strict";
import { test } from "node:test";

import { uuid7 } from "@sidespool/protocol";

/** Fills as it was told, again and again. */
const dice = (...bytes: number[]) => (into: Uint8Array): void =>
  void into.forEach((_, at) => (into[at] = bytes[at % bytes.length] ?? 0));

/** The same, spelled as the standard describes it. */
function spelled(unixMs: number, random: (bytes: Uint8Array) => void): string {
  const bytes = new Uint8Array(10);
  random(bytes);
  bytes[0] = 0x70 | ((bytes[0] ?? 0) & 0x0f);
  bytes[2] = 0x80 | ((bytes[2] ?? 0) & 0x3f);
  const digits = BigInt(unixMs).toString(16).padStart(12, "0") + Buffer.from(bytes).toString("hex");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

test("the standard's own example comes out", () => {
  const random = dice(0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f);
  assert.equal(uuid7(0x017f22e279b0, random), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
});

test("every byte of the dice and every bit of the time lands where the standard wants it", () => {
  for (let byte = 0; byte < 256; byte += 1) {
    const random = dice(byte, byte ^ 0xa5, 255 - byte);
    const time = 1_700_000_000_000 + byte;
    assert.equal(uuid7(time, random), spelled(time, random));
  }
  for (let bit = 0; bit < 48; bit += 1) {
    for (const time of [2 ** bit, 2 ** bit - 1, 2 ** 48 - 2 ** bit]) {
      if (time >= 2 ** 48) continue;
      assert.equal(uuid7(time, dice(0xff, 0)), spelled(time, dice(0xff, 0)), String(time));
    }
  }
});

test("a fraction is cut, and no clock makes anything but a UUID of version 7", () => {
  assert.equal(uuid7(1234.9, dice(0)), uuid7(1234, dice(0)));
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (const time of [-1, 0, 2 ** 48, 2 ** 53, NaN, Infinity, -Infinity]) {
    assert.match(uuid7(time, dice(0x12)), form);
  }
});
