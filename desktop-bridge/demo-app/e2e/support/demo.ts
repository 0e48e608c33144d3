/** The demo app in the real Electron, with a home, a workspace and a collector of its own. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import type Electron from 'electron';
import type { ElectronApplication, Page } from 'playwright-core';
import { _electron } from 'playwright-core';

import { python } from '../../../angular/e2e/daemon';
import { Collector } from './collector';

const APP = resolve(import.meta.dirname, '../..');

export class Demo {
  readonly home = mkdtempSync(join(tmpdir(), 'sidespool-demo-'));
  readonly workspace = join(this.home, 'garden-planner');
  readonly dataDir = join(this.home, 'data');
  readonly collector = new Collector();
  private app: ElectronApplication | undefined;

  async start(display: string, variables: Readonly<Record<string, string>> = {}): Promise<Page> {
    mkdirSync(join(this.workspace, '.git'), { recursive: true });
    writeFileSync(join(this.workspace, 'README.md'), '# Garden planner\n\nPlans beds and sowing dates.\n');
    await this.collector.start(this.home);
    this.app = await _electron.launch({
      executablePath: process.env['SIDESPOOL_ELECTRON'] ?? '',
      args: ['--no-sandbox', '--disable-gpu', `--user-data-dir=${this.home}/user`, APP],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: this.home,
        DISPLAY: display,
        SIDESPOOL_PYTHON: python(),
        TELEMETRY_DATA_DIR: this.dataDir,
        TELEMETRY_FLUSH_INTERVAL_S: '1',
        DEMO_WORKSPACE: this.workspace,
        DEMO_COLLECTOR: this.collector.url,
        DEMO_COLLECTOR_TOKEN: this.collector.ingestToken,
        ...variables,
      },
    });
    return this.app.firstWindow();
  }

  /** Runs in the main process. */
  main<Result, Given>(work: (electron: typeof Electron, given: Given) => Result, given: Given): Promise<Result> {
    if (this.app === undefined) throw new Error('the app does not run');
    return this.app.evaluate(work as never, given) as Promise<Result>;
  }

  /** Electron's main process. */
  get pid(): number {
    return this.app?.process().pid ?? 0;
  }

  /** Without a chance to say goodbye. */
  kill(): void {
    process.kill(this.pid, 'SIGKILL');
    this.app = undefined;
  }

  /** As the user would. */
  async quit(): Promise<void> {
    await this.app?.close();
    this.app = undefined;
  }

  async remove(): Promise<void> {
    await this.quit();
    await this.collector.stop();
    // The daemon has its own grace after the app, and writes there until its end.
    rmSync(this.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }
}
