/** A local site with a Content-Security-Policy of choice, and a current Chromium to look at it. */

import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css' };

export class Site {
  private server: Server | undefined;
  origin = '';

  /** `files`: content by path; the policy is sent with each. */
  constructor(
    private readonly files: Readonly<Record<string, string>>,
    private readonly policy: string,
  ) {}

  async start(): Promise<string> {
    const server = createServer(({ url = '/' }, response) => {
      const content = this.files[url];
      const type = TYPES[url.split('.').pop() ?? ''] ?? 'text/html; charset=utf-8';
      response.writeHead(content === undefined ? 404 : 200, {
        'Content-Type': type,
        'Content-Security-Policy': this.policy,
      });
      response.end(content);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this.origin;
  }

  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }
}

/** The transport alone, as a script that puts `Client` and friends at `window.transport`. */
export async function transportScript(): Promise<string> {
  const entry = `${import.meta.dirname}/../src/lib/transport/index.ts`;
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'transport',
    target: 'es2022',
  });
  return outputFiles[0]?.text ?? '';
}

export function launch(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
