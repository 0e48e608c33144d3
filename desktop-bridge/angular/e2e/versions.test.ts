/** The built package in the lowest, the usual and the newest Angular: types, and at work in Chromium. */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Daemon } from './daemon';
import { giveBridge } from './page';
import { Site, launch } from './site';

const WORKSPACE = resolve(import.meta.dirname, '../..');
/** Directories whose `@angular/core` is of this version. */
const PLACES = { 20: 'lowest-angular', 21: 'angular', 22: 'newest-angular' };
const BUILT = readFileSync(join(WORKSPACE, 'angular/dist/fesm2022/sidespool-angular.mjs'), 'utf8');
const POLICY = "default-src 'self'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-eval'; connect-src ws://127.0.0.1:* http://127.0.0.1:*";

const APP = `
  import '@angular/compiler';
  import { Component, VERSION, inject, provideZonelessChangeDetection } from '@angular/core';
  import { bootstrapApplication } from '@angular/platform-browser';
  import { Sidespool, SidespoolConsentDialog, SidespoolSettings, provideSidespool } from '@sidespool/angular';

  class App {
    version = VERSION.full;
    sidespool = inject(Sidespool);
    constructor() {
      this.sidespool.emit('ChatTurn', { prompt_length: 3 });
    }
  }
  Component({
    selector: 'app-root',
    imports: [SidespoolConsentDialog, SidespoolSettings],
    template: '<p>Angular {{ version }} by {{ sidespool.status() }}</p><sidespool-settings /><sidespool-consent-dialog />',
  })(App);
  bootstrapApplication(App, {
    providers: [provideZonelessChangeDetection(), provideSidespool({ appName: 'Any', router: false })],
  });
`;

const TYPED = `
  import { inject } from '@angular/core';
  import { provideHttpClient, withInterceptors } from '@angular/common/http';
  import { Sidespool, provideSidespool, sidespoolHttp } from '@sidespool/angular';
  import { provideSidespoolTesting } from '@sidespool/angular/testing';
  export const providers = [
    provideSidespool({ appName: 'Any' }),
    provideSidespoolTesting(),
    provideHttpClient(withInterceptors([sidespoolHttp])),
  ];
  export function emit(): void {
    inject(Sidespool).emit('ChatTurn', { prompt_length: 1 });
    // @ts-expect-error a number, not a text
    inject(Sidespool).emit('ChatTurn', { prompt_length: '1' });
  }
`;

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** A directory as an app has it after `npm install`: the packed files, and this Angular alone. */
function installed(place: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'sidespool-angular-'));
  const modules = join(directory, 'node_modules');
  for (const name of ['angular', 'protocol']) {
    for (const part of ['dist', 'package.json']) {
      cpSync(join(WORKSPACE, name, part), join(modules, '@sidespool', name, part), { recursive: true });
    }
  }
  const own = [place, WORKSPACE].find((root) => existsSync(join(root, 'node_modules/@angular/core')));
  symlinkSync(join(own ?? '', 'node_modules/@angular'), join(modules, '@angular'));
  for (const name of ['rxjs', 'tslib']) symlinkSync(join(WORKSPACE, 'node_modules', name), join(modules, name));
  return directory;
}

async function script(directory: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: APP, resolveDir: directory },
    ...({ bundle: true, write: false, format: 'iife', target: 'es2022' } as const),
  });
  return outputFiles[0]?.text ?? '';
}

const versionIn = (place: string): string =>
  (createRequire(join(place, 'package.json'))('@angular/core/package.json') as { version: string }).version;

test('the package is built with the lowest', () => {
  const built = new Set([...BUILT.matchAll(/version: "(\d+)\.[\d.]+", ngImport/g)].map(([, major]) => major));
  expect([...built]).toEqual(['20']);
});

describe.each(Object.entries(PLACES))('Angular %s', (major, name) => {
  let directory: string;
  beforeAll(() => {
    directory = installed(join(WORKSPACE, name));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('runs it', async () => {
    const files = { '/': '<!doctype html><app-root></app-root><script src="/app.js"></script>', '/app.js': await script(directory) };
    const site = new Site(files, POLICY);
    const daemon = new Daemon({ TELEMETRY_ORIGINS: await site.start(), TELEMETRY_CONSENT_MODEL: 'opt_in' });
    try {
      await daemon.start();
      const page = await browser.newPage();
      await giveBridge(page, daemon);
      await page.goto(site.origin);
      expect(versionIn(directory).split('.')[0]).toBe(major);
      await page.waitForSelector(`text=Angular ${versionIn(directory)} by socket`);
      await page.click('dialog[open] button:has-text("Accept")');
      await page.waitForSelector('dialog[open]', { state: 'detached' });
      await page.waitForSelector('text=Help improve Any by sending anonymous usage data');
      await page.getByRole('switch', { checked: true }).first().waitFor();
      expect((await daemon.json('GET', '/v1/status'))['level']).toBe('usage');
      await page.close();
    } finally {
      await daemon.remove();
      site.stop();
    }
  });

  test('compiles against it', () => {
    writeFileSync(join(directory, 'app.ts'), TYPED);
    const compilerOptions = {
      ...{ module: 'ES2022', moduleResolution: 'bundler', target: 'ES2022' },
      ...{ strict: true, skipLibCheck: true, noEmit: true, types: [] },
    };
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }));
    const tsc = join(WORKSPACE, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });
});
