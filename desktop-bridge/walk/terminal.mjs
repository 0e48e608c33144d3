// A terminal: one shell that lives on, so that a line sees what the lines before it have exported.
import { spawn } from "node:child_process";

const LOOK_MS = 100;

/** Resolves with the first answer that is not false, null or undefined; rejects after `ms`. */
export async function eventually(look, what, ms = 60_000) {
  const limit = Date.now() + ms;
  for (;;) {
    const answer = await look();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > limit) throw new Error(`it never came true: ${what}`);
    await new Promise((later) => setTimeout(later, LOOK_MS));
  }
}

export class Terminal {
  #said = "";
  #lines = 0;

  constructor(name, cwd, env) {
    this.name = name;
    // A group of its own, so that it can be ended with everything it started.
    this.shell = spawn("bash", [], { cwd, env, stdio: "pipe", detached: true });
    for (const stream of [this.shell.stdout, this.shell.stderr]) {
      stream.on("data", (chunk) => (this.#said += chunk));
    }
  }

  /** Everything that appeared here. */
  get said() {
    return this.#said;
  }

  /** Types a line and waits until it is done; what it printed. `stays` ends the wait earlier. */
  async type(line, ms, stays = () => false) {
    const from = this.#said.length;
    const mark = `walk-line-${(this.#lines += 1)}-is-done:`;
    this.shell.stdin.write(`${line}\necho "${mark}$?"\n`);
    const printed = () => this.#said.slice(from);
    const code = () => new RegExp(`${mark}(\\d+)\n`).exec(printed())?.[1];
    await eventually(async () => code() !== undefined || (await stays(printed())), line, ms);
    const [output] = printed().split(mark);
    if (code() !== undefined && code() !== "0") throw new Error(`${line}\n${output}`);
    return output;
  }

  end() {
    try {
      process.kill(-this.shell.pid, "SIGTERM");
    } catch {
      // It has ended by itself.
    }
  }
}
