/** A real daemon in a directory of its own, which tests end as hard as they like. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import type { ReadyLine } from '@sidespool/protocol';
import { decodeReadyLine } from '@sidespool/protocol';

const REPOSITORY = resolve(import.meta.dirname, '../../..');

/** A Python that has `sidespool` installed. */
export function python(): string {
  const given = process.env['SIDESPOOL_PYTHON'];
  const local = join(REPOSITORY, '.venv/bin/python');
  return given ?? (existsSync(local) ? local : 'python3');
}

export interface StoredEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly session_id: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export class Daemon {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'sidespool-ng-'));
  ready: ReadyLine | undefined;
  private child: ChildProcess | undefined;

  /** `variables`: further TELEMETRY_* settings. */
  constructor(private readonly variables: Readonly<Record<string, string>> = {}) {}

  async start(): Promise<ReadyLine> {
    const child = spawn(python(), ['-m', 'sidespool', 'run', '--exit-with-stdin'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        PATH: process.env['PATH'],
        HOME: this.dataDir,
        TELEMETRY_APP_ID: 'ng-test',
        TELEMETRY_DATA_DIR: this.dataDir,
        TELEMETRY_SHUTDOWN_GRACE_S: '1',
        ...this.variables,
      },
    });
    this.child = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const ready = decodeReadyLine(line);
      if (ready === undefined) continue;
      this.ready = ready;
      return ready;
    }
    throw new Error('the daemon ended before it was ready');
  }

  /** Without a chance to say goodbye. */
  async kill(): Promise<void> {
    this.ready = undefined;
    await this.end('SIGKILL');
  }

  async remove(): Promise<void> {
    await this.end('SIGTERM');
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async json(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    return JSON.parse(await this.text(method, path, body)) as Record<string, unknown>;
  }

  /** Everything in the spool. */
  async events(): Promise<readonly StoredEvent[]> {
    const lines = (await this.text('GET', '/v1/pending')).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as StoredEvent);
  }

  private async text(method: string, path: string, body?: object): Promise<string> {
    if (this.ready === undefined) throw new Error('no daemon runs');
    const answer = await fetch(this.ready.url + path, {
      method,
      headers: { Authorization: `Bearer ${this.ready.token}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer.text();
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
