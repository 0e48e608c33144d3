// The cost of `Sidespool.emit` in a page: the built Angular library, in a current Chromium.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { EVENT, PAYLOAD, median } from "./event.mjs";

// Linked in the page by Angular's compiler, as a test would; an app's build does it beforehand.
const PAGE = `
  import "@angular/compiler";
  import { provideZonelessChangeDetection } from "@angular/core";
  import { createApplication } from "@angular/platform-browser";
  import { Sidespool, provideSidespool } from "@sidespool/angular";
  const none = () => Promise.resolve(null);
  window.sidespool = { version: 1, door: none, openPort() {}, onState: () => () => {}, lost() {} };
  window.ready = createApplication({
    providers: [
      provideZonelessChangeDetection(),
      provideSidespool({ errors: false, router: false }),
    ],
  }).then((app) => { window.service = app.injector.get(Sidespool); });
`;

async function script() {
  const resolveDir = fileURLToPath(new URL("../angular", import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    logLevel: "error",
  });
  return outputFiles[0].text;
}

/** Runs in the page. Rounds are long, for browsers keep their clocks coarse. */
async function inPage([event, payload]) {
  const ROUNDS = 25;
  const EVENTS = 4_000;
  await window.ready;
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => {};
  let length = 0;
  const calls = {
    renderer_ns: (n) => window.service.emit("ChatTurn", { ...payload, prompt_length: n }),
    renderer_stringify_ns: () => (length += JSON.stringify(event).length),
    renderer_port_ns: () => port1.postMessage(event),
  };
  const times = {};
  for (const [name, call] of Object.entries(calls)) {
    times[name] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const from = performance.now();
      for (let n = 0; n < EVENTS; n += 1) call(n);
      times[name].push(((performance.now() - from) * 1e6) / EVENTS);
      await new Promise((later) => setTimeout(later, 20)); // what follows has its own turn
    }
  }
  if (length === 0 || !window.service.present) throw new Error("nothing was measured");
  return times;
}

export async function measurePage(executablePath) {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.evaluate(await script());
    const times = await page.evaluate(inPage, [EVENT, PAYLOAD]);
    const medians = Object.entries(times).map(([name, all]) => [name, median(all)]);
    return { renderer_in: `Chromium ${browser.version()}`, ...Object.fromEntries(medians) };
  } finally {
    await browser.close();
  }
}
