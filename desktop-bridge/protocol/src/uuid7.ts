/** Time-ordered event ids: UUID version 7 (RFC 9562, section 5.7). */

/** `unixMs` takes the first 48 bits; `random` fills 10 bytes for the rest. */
export function uuid7(unixMs: number, random: (bytes: Uint8Array) => void): string {
  const dice = new Uint8Array(10);
  random(dice);
  const [first = 0, , third = 0] = dice;
  dice[0] = 0x70 | (first & 0x0f);
  dice[2] = 0x80 | (third & 0x3f);
  const time = Math.max(0, Math.floor(unixMs)).toString(16).padStart(12, "0").slice(-12);
  const rest = Array.from(dice, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const digits = time + rest;
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}
