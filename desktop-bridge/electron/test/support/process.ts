/** Looks at processes, and waits for what will come true. */

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DEADLINE_MS = 30_000;
const LOOK_MS = 20;

/** Resolves with the first answer that is not false, null or undefined. */
export async function eventually<Answer>(
  look: () => Answer | Promise<Answer>,
  what: string,
): Promise<NonNullable<Exclude<Answer, false>>> {
  const limit = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await look();
    if (answer !== undefined && answer !== null && answer !== false) {
      return answer as NonNullable<Exclude<Answer, false>>;
    }
    if (Date.now() > limit) throw new Error(`it never came true: ${what}`);
    await new Promise((later) => setTimeout(later, LOOK_MS));
  }
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie has exited; only its parent has not looked yet.
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Processes that were started for a data directory and are alive: none may be left behind. */
export function daemonsOf(dataDir: string): number[] {
  const mark = `TELEMETRY_DATA_DIR=${dataDir}\0`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isAlive(Number(name)))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}

export interface ReadyFile {
  readonly pid: number;
  readonly url: string;
  readonly token: string;
  readonly socket: string | null;
}

/** What the daemon of a data directory announced, or undefined while there is none. */
export function readyFile(dataDir: string): ReadyFile | undefined {
  const path = join(dataDir, "runtime.json");
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ReadyFile;
  } catch {
    return undefined;
  }
}

export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "sidespool-electron-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
