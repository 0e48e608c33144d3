/** Time-ordered event ids: UUID version 7 (RFC 9562, section 5.7). */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);
const TWO_TO_32 = 2 ** 32;

/** `unixMs` takes the first 48 bits; `random` fills 10 bytes for the rest. */
export function uuid7(unixMs: number, random: (bytes: Uint8Array) => void): string {
  const dice = new Uint8Array(10);
  random(dice);
  const time = Math.max(0, Math.floor(unixMs));
  // Shifts see the low 32 bits alone; the 16 above them come by division.
  const high = time / TWO_TO_32;
  return (
    hex(high >>> 8) + hex(high) + hex(time >>> 24) + hex(time >>> 16) + "-" +
    hex(time >>> 8) + hex(time) + "-" +
    hex(0x70 | (at(dice, 0) & 0x0f)) + hex(at(dice, 1)) + "-" +
    hex(0x80 | (at(dice, 2) & 0x3f)) + hex(at(dice, 3)) + "-" +
    hex(at(dice, 4)) + hex(at(dice, 5)) + hex(at(dice, 6)) +
    hex(at(dice, 7)) + hex(at(dice, 8)) + hex(at(dice, 9))
  );
}

/** The two digits of a number's lowest byte. */
const hex = (value: number): string => HEX[value & 0xff] as string;

const at = (bytes: Uint8Array, index: number): number => bytes[index] as number;
