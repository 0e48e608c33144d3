/** Runs the Python backend: starts it, reads where it listens, ends it with the app. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Backend {
  readonly url: string;
  /** Keeps other pages and programs on this machine out. */
  readonly token: string;
}

export interface BackendPlace {
  readonly python: string;
  readonly appPath: string;
  readonly origin: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

let child: ChildProcess | undefined;

export async function startBackend(place: BackendPlace): Promise<Backend> {
  const token = randomBytes(32).toString('hex');
  const started = spawn(place.python, [join(place.appPath, 'backend/main.py')], {
    // Its standard input is the leash: when the app is gone, however it went, it ends.
    stdio: ['pipe', 'pipe', 'inherit'],
    windowsHide: true,
    env: { ...process.env, ...place.environment, DEMO_TOKEN: token, DEMO_ORIGINS: place.origin },
  });
  child = started;
  return { url: await readUrl(started), token };
}

export function stopBackend(): void {
  child?.stdin?.end();
}

function readUrl(started: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    started.once('error', reject);
    started.once('exit', (code) => reject(new Error(`the backend ended with code ${code}`)));
    if (started.stdout === null) return reject(new Error('the backend has no output'));
    createInterface({ input: started.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as { op?: string; url?: string };
      if (said.op === 'ready' && said.url !== undefined) resolve(said.url);
    });
  });
}
