// What one emit costs the caller, in a current Chromium, beside JSON.stringify of the same payload.
// `npm run bench`: prints JSON; nothing is asserted.
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const { outputFiles } = await build({
  entryPoints: [new URL('../src/lib/transport/index.ts', import.meta.url).pathname],
  bundle: true,
  write: false,
  format: 'iife',
  globalName: 'transport',
  target: 'es2022',
});
const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await browser.newPage();
await page.evaluate(outputFiles[0].text + ';globalThis.transport = transport;');
const figures = await page.evaluate(async () => {
  const bridge = { version: 1, door: () => Promise.resolve(null), openPort() {}, onState: () => () => {} };
  const surroundings = globalThis.transport.pageSurroundings((run) => run());
  const payload = (at) => ({ prompt_length: at, response_length: at + 900, model: 'model-1', latency_ms: at + 0.5 });
  const ROUNDS = 30;
  const EVENTS = 10_000;
  const median = (all) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)];
  const emits = [];
  const strings = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const client = new globalThis.transport.Client(bridge, surroundings, () => {});
    let from = performance.now();
    for (let at = 0; at < EVENTS; at += 1) client.emit('ChatTurn', payload(at));
    emits.push(((performance.now() - from) * 1000) / EVENTS);
    let length = 0;
    from = performance.now();
    for (let at = 0; at < EVENTS; at += 1) length += JSON.stringify(payload(at)).length;
    strings.push(((performance.now() - from) * 1000) / EVENTS);
    await new Promise((done) => setTimeout(done, 20));
    if (length === 0) throw new Error('nothing was written');
  }
  const [emitUs, stringifyUs] = [median(emits), median(strings)];
  return { emit_us: emitUs, stringify_us: stringifyUs, ratio: emitUs / stringifyUs };
});
await browser.close();
console.log(JSON.stringify({ chromium: browser.version(), ...figures }));
