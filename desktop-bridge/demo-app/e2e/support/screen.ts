/** A screen that nobody sees. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

export class Screen {
  display = '';
  private child: ChildProcess | undefined;

  async start(): Promise<void> {
    // It picks a free number itself and writes it to the given file descriptor.
    const args = ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp', '-ac'];
    const child = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    this.child = child;
    const numbers = child.stdio[3] as Readable;
    const number = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      numbers.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    });
    this.display = `:${number}`;
  }

  stop(): void {
    this.child?.kill('SIGTERM');
  }
}
