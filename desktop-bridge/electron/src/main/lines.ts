/** Cuts a stream of text into lines, with a bound on the memory an endless line may take. */

import { LINE_CHARS_MAX } from "./policy.js";

/** Feeds whole lines, without their ends, to `onLine`; an overlong line is dropped. */
export function lineSplitter(
  onLine: (line: string) => void,
  charsMax = LINE_CHARS_MAX,
): (chunk: string) => void {
  let partial = "";
  let dropping = false;
  return (chunk) => {
    const parts = chunk.split("\n");
    const last = parts.pop() ?? "";
    for (const part of parts) {
      const line = partial + part;
      if (!dropping && line.trim() !== "") onLine(line);
      partial = "";
      dropping = false;
    }
    partial += last;
    if (partial.length > charsMax) {
      partial = "";
      dropping = true;
    }
    if (dropping) partial = "";
  };
}
