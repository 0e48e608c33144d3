// Opens pages in Chromium and prints what axe-core finds in each, light and dark, as JSON.
// node axe_page.mjs NODE_MODULES CHROMIUM URL…

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, executablePath, ...urls] = process.argv.slice(2);
const require = createRequire(join(modules, 'anchor.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const found = [];
for (const colorScheme of ['light', 'dark']) {
  const context = await browser.newContext({ colorScheme, bypassCSP: true });
  const page = await context.newPage();
  const outside = [];
  const errors = [];
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(urls[0]).origin) outside.push(request.url());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  for (const url of urls) {
    await page.goto(url, { waitUntil: 'load' });
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
    found.push({
      url,
      colorScheme,
      outside: [...outside],
      errors: [...errors],
      passes: passes.length,
      violations: violations.map(({ id, help, nodes }) => ({
        id,
        help,
        where: nodes.slice(0, 5).map((node) => node.target.join(' ')),
      })),
    });
  }
  await context.close();
}
await browser.close();
console.log(JSON.stringify(found));
