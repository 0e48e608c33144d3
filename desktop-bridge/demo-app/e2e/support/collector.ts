/** A real collector with a store of its own. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { python } from '../../../angular/e2e/daemon';

export interface StoredEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly session_id: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export class Collector {
  url = '';
  ingestToken = '';
  private readToken = '';
  private child: ChildProcess | undefined;

  /** Once; a second call changes nothing. */
  async start(folder: string): Promise<void> {
    if (this.child !== undefined) return;
    const child = spawn(python(), ['-m', 'sidespool', 'collector', 'serve', '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        COLLECTOR_LISTEN: '127.0.0.1:0',
        COLLECTOR_CATALOG: join(import.meta.dirname, '../../telemetry.catalog.toml'),
        COLLECTOR_STORE: `sqlite:///${folder}/collector.db`,
      },
    });
    this.child = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const said = JSON.parse(line) as { url: string; tokens: { ingest: string; read: string } };
      this.url = said.url;
      this.ingestToken = said.tokens.ingest;
      this.readToken = said.tokens.read;
      return;
    }
    throw new Error('the collector ended before it listened');
  }

  /** What is in the store. */
  async events(): Promise<readonly StoredEvent[]> {
    const answer = await fetch(`${this.url}/api/v1/export?format=jsonl`, {
      headers: { Authorization: `Bearer ${this.readToken}` },
    });
    const lines = (await answer.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as StoredEvent);
  }

  async types(): Promise<string[]> {
    return [...new Set((await this.events()).map((event) => event.event_type))].sort();
  }

  async stop(): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
}
