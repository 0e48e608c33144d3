// A stranger's walk: packs the library, generates a fresh app in a temporary directory, installs,
// builds, and looks at it in Chromium with a bridge in the page. `npm run walk` takes the Angular
// the library is built with; `npm run walk -- 22` a newer one, with the Node that it needs.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

// Of the command line and the framework, pinned; and the Node they need, if not this one.
const VERSIONS = { 21: ['21.2.27', '21.2.26', undefined], 22: ['22.2.6', '22.2.4', '24'] };
const [cli, framework, node] = VERSIONS[process.argv[2] ?? '21'];
const bridge = resolve(import.meta.dirname, '../..');
const place = mkdtempSync(join(tmpdir(), 'sidespool-walk-'));
const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NG_CLI_ANALYTICS: 'false' } };
const npm = (cwd, ...args) => execFileSync('npm', [...args, '--no-fund', '--no-audit', '--loglevel=error'], { ...quiet, cwd });

console.log(`walking in ${place} with Angular ${cli}`);
const tools = join(place, 'tools');
execFileSync('mkdir', [tools]);
writeFileSync(join(tools, 'package.json'), '{"private":true}');
// The package `node` brings its binary by a script.
npm(tools, 'install', '--ignore-scripts=false', `@angular/cli@${cli}`, ...(node === undefined ? [] : [`node@${node}`]));
const own = join(tools, 'node_modules/node/bin/node');
const run = existsSync(own) ? own : process.execPath;
const ng = (cwd, ...args) =>
  execFileSync(run, [join(tools, 'node_modules/@angular/cli/bin/ng.js'), ...args], { ...quiet, cwd });

npm(bridge, 'pack', '-w', '@sidespool/protocol', '-w', '@sidespool/angular', '--pack-destination', place);
ng(place, 'new', 'fresh', '--skip-install', '--skip-git', '--defaults', '--ai-config=none', '--skip-tests');
const app = join(place, 'fresh');
const manifest = join(app, 'package.json');
writeFileSync(
  manifest,
  readFileSync(manifest, 'utf8').replace(/("@angular\/(\w[\w-]*)": )"[^"]*"/g, (_line, start, name) =>
    `${start}"${name === 'cli' || name === 'build' ? cli : framework}"`,
  ),
);
const packed = readdirSync(place).filter((name) => name.endsWith('.tgz'));
npm(app, 'install', ...packed.map((name) => join(place, name)));

writeFileSync(
  join(app, 'src/app/app.ts'),
  `import { Component, inject } from '@angular/core';
import { Sidespool, SidespoolConsentDialog, SidespoolSettings } from '@sidespool/angular';

@Component({
  selector: 'app-root',
  imports: [SidespoolConsentDialog, SidespoolSettings],
  template: '<p id="state">{{ sidespool.status() }}</p><sidespool-settings /><sidespool-consent-dialog />',
})
export class App {
  readonly sidespool = inject(Sidespool);
  constructor() {
    this.sidespool.emit('ChatTurn', { prompt_length: 3 });
  }
}
`,
);
const configuration = join(app, 'src/app/app.config.ts');
const before = readFileSync(configuration, 'utf8');
writeFileSync(
  configuration,
  `import { provideSidespool } from '@sidespool/angular';\n${before.replace('providers: [', "providers: [provideSidespool({ appName: 'Fresh' }), ")}`,
);
ng(app, 'build');

const built = join(app, 'dist/fresh/browser');
const types = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html' };
const server = createServer(({ url = '/' }, response) => {
  const file = join(built, url === '/' ? 'index.html' : url);
  response.writeHead(existsSync(file) ? 200 : 404, { 'Content-Type': types[extname(file)] ?? 'text/plain' });
  response.end(existsSync(file) ? readFileSync(file) : '');
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});

const plain = await browser.newPage();
await plain.goto(origin);
await plain.waitForSelector('#state:has-text("absent")');
console.log('in a browser: a no-op');

const page = await browser.newPage();
await page.addInitScript(() => {
  // A main process in ten lines: hands out a port, greets, and takes in what comes.
  const settings = { enabled: true, full_content: false, level: 'usage' };
  window.taken = [];
  window.sidespool = {
    version: 1,
    door: () => Promise.resolve({ url: 'http://127.0.0.1:9', token: 'none' }),
    onState: () => () => {},
    openPort() {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => {
        if (data.op === 'hello') port1.postMessage({ op: 'welcome', session_id: 's', level: 'usage', settings });
        if (data.op !== 'emit') return;
        window.taken.push(...data.events);
        port1.postMessage({ op: 'ack', id: data.id, accepted: data.events.length, rejected: [] });
      };
      window.postMessage('sidespool:port', '/', [port2]);
    },
  };
});
await page.goto(origin);
await page.waitForSelector('#state:has-text("port")');
await page.waitForFunction(() => window.taken.some((event) => event.event_type === 'ChatTurn'));
await page.waitForSelector('text=Help improve Fresh by sending anonymous usage data');
console.log('with a bridge: the event arrives, the settings show');

await browser.close();
server.closeAllConnections();
server.close();
rmSync(place, { recursive: true, force: true });
