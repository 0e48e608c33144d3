// Builds main process and preload script: one CommonJS file each.
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

const options = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node16.17',
  external: ['electron'],
  logLevel: 'warning',
};

for (const folder of ['dist/main', 'dist/preload']) rmSync(folder, { recursive: true, force: true });
await build({ ...options, entryPoints: ['main/main.ts'], outfile: 'dist/main/main.cjs' });
await build({ ...options, entryPoints: ['preload/preload.ts'], outfile: 'dist/preload/preload.cjs' });
