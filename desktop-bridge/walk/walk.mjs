// A stranger's walk: packs the packages and follows docs/integrate.md, and nothing else, in an
// empty directory outside the repository, with a fresh Angular app, a real collector and a real
// Electron; then looks into the collector's export and at its dashboard. `npm run walk` takes the
// way with Angular, two to eight minutes; `npm run walk -- plain` the one without, under a minute.
// `--keep-picture FILE` writes a picture of the dashboard.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { stepsOf } from "./document.mjs";
import { electronIn, startScreen } from "./electron.mjs";
import { startRegistry } from "./registry.mjs";
import { Terminal, eventually } from "./terminal.mjs";

const WALK_MS = 600_000;
const LINE_MS = 300_000;
const PACKAGES = ["@sidespool/protocol", "@sidespool/electron", "@sidespool/angular"];
const way = process.argv.includes("plain") ? "plain" : "angular";
const picture = process.argv[process.argv.indexOf("--keep-picture") + 1 || Infinity];
const DOCUMENT_PORT = 8787;
// A release is of use once all its packages are on the registry: this one is.
const ANGULAR_CLI = process.env.WALK_ANGULAR_CLI ?? "21.2.27";
// From the main process, the page, the backend, and what comes by itself.
const WANTED = ["SessionStart", "ChatTurn m1", "ToolCall grep", "ToolCall search"];

const bridge = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const repository = resolve(bridge, "..");
const bin = join(repository, ".venv/bin");
const place = mkdtempSync(join(tmpdir(), "sidespool-walk-"));
const [home, app] = [join(place, "home"), join(place, "my-app")];
const terminals = new Map();
const closing = [];
const tell = (sentence) => console.log(sentence);

/** What a stranger's shell has: nothing of npm's run around us, no telemetry settings. */
function environment(more) {
  const ours = /^(npm_|INIT_CWD|NODE_OPTIONS|TELEMETRY_|COLLECTOR_|XDG_|DO_NOT_TRACK|ELECTRON_)/i;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  const npm = (key) =>
    execFileSync("npm", ["config", "get", key, "--loglevel=error"], { cwd: tmpdir() })
      .toString()
      .trim();
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    PATH: `${bin}:${process.env.PATH}`,
    PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
    // The Python packages are the repository's own; nothing is to be fetched for them.
    PIP_NO_INDEX: "1",
    npm_config_userconfig: npm("userconfig"),
    npm_config_cache: npm("cache"),
    npm_config_update_notifier: "false",
    ELECTRON_SKIP_BINARY_DOWNLOAD: "1",
    NG_CLI_ANALYTICS: "false",
    ...more,
  };
}

async function pack() {
  const chosen = PACKAGES.flatMap((name) => ["-w", name]);
  const npm = (...words) =>
    execFileSync("npm", [...words, ...chosen, "--loglevel=error"], {
      cwd: bridge,
      stdio: ["ignore", "ignore", "inherit"],
    });
  npm("run", "build");
  npm("pack", "--pack-destination", place);
  const tarballs = readdirSync(place).filter((name) => name.endsWith(".tgz"));
  const registry = await startRegistry(tarballs.map((name) => join(place, name)));
  closing.push(registry.close);
  npmrc = `@sidespool:registry=${registry.url}/\n`;
  tell(`packed ${tarballs.join(", ")}`);
}

/** Our packages come from here, whichever directory npm works in. */
let npmrc = "";
function nameRegistry() {
  for (const directory of [app, join(app, "ui")]) {
    if (existsSync(directory)) writeFileSync(join(directory, ".npmrc"), npmrc);
  }
}

/** The document's port, or any other where something listens there already. */
function freePort() {
  const tried = (port) =>
    new Promise((done) => {
      const server = createServer().once("error", () => done(undefined));
      server.listen(port, "127.0.0.1", () => {
        const found = server.address().port;
        server.close(() => done(found));
      });
    });
  return tried(DOCUMENT_PORT).then((port) => port ?? tried(0));
}

/** Where a daemon of the document's app says that it is there. */
const runtimeFile = join(home, ".local/share/my-app/sidespool/runtime.json");

/** For lines that go on running: how to see that what they started is up. */
const STAYING = new Map([
  ["sidespool collector serve", (said) => said.includes("Collector listening")],
  ["npx electron .", () => existsSync(runtimeFile)],
]);

async function follow(steps, env) {
  for (const { file, text, terminal, lines } of steps) {
    if (file !== undefined) {
      mkdirSync(dirname(join(app, file)), { recursive: true });
      writeFileSync(join(app, file), text);
      tell(`wrote ${file}`);
      continue;
    }
    if (!terminals.has(terminal)) terminals.set(terminal, new Terminal(terminal, app, env));
    for (const line of lines) {
      tell(`${terminal}$ ${line}`);
      nameRegistry();
      await terminals.get(terminal).type(line, LINE_MS, STAYING.get(line));
    }
  }
}

const named = ({ event_type, payload }) =>
  [event_type, payload.tool_name ?? payload.model].filter(Boolean).join(" ");

/** Repeats the document's last commands until the collector has what is wanted. */
async function arrived(wanted, [flush, show], ms) {
  const terminal = terminals.get("third");
  return eventually(
    async () => {
      if (flush !== undefined) await terminal.type(flush, LINE_MS);
      const printed = (await terminal.type(show, LINE_MS)).split("\n");
      const events = printed.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
      const missing = wanted.filter((name) => !events.some((event) => named(event) === name));
      return missing.length === 0 && events;
    },
    `the collector's export has ${wanted.join(", ")}`,
    ms,
  );
}

/** Logs in with the token that the collector printed, and finds the model of the event. */
async function lookAtDashboard(url) {
  const [, token] = /for the dashboard\s+(\S+)/.exec(terminals.get("collector").said) ?? [];
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  closing.push(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1180, height: 900 } });
  await page.goto(url);
  await page.fill("input[type=password], input[name=token]", token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=m1");
  if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });
  tell("the dashboard shows the model m1");
}

const ofProcess = (pid, file) => readFileSync(`/proc/${pid}/${file}`, "latin1").split("\0");

/** Processes of this walk, by the home that only they have; what has ended has no environment. */
function alive() {
  return readdirSync("/proc").filter((pid) => {
    try {
      return ofProcess(pid, "environ").includes(`HOME=${home}`);
    } catch {
      return false; // no process, or none that we may look at
    }
  });
}

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

async function walk() {
  mkdirSync(home);
  mkdirSync(app);
  await pack();
  const electron = electronIn(place, join(bin, "python"), repository);
  const screen = await startScreen();
  closing.push(screen.close);
  const port = await freePort();
  const moved = port === DOCUMENT_PORT ? {} : { COLLECTOR_LISTEN: `127.0.0.1:${port}` };
  if (port !== DOCUMENT_PORT) tell(`port ${DOCUMENT_PORT} is taken: ${port} instead, everywhere`);
  const own = { ELECTRON_OVERRIDE_DIST_PATH: electron.dist, DISPLAY: screen.display };
  const env = environment({ ...own, ...moved });
  const text = readFileSync(join(repository, "docs/integrate.md"), "utf8");
  const here = text
    .replaceAll(String(DOCUMENT_PORT), String(port))
    .replaceAll(/@angular\/cli@\d+/g, `@angular/cli@${ANGULAR_CLI}`);
  const steps = stepsOf(here, way);
  await follow(steps, env);
  const last = steps.at(-1).lines;
  const events = await arrived(WANTED, last, 30_000);
  tell(`the collector has ${events.map(named).join(", ")}`);
  if (new Set(events.map((event) => event.app_id)).size !== 1) throw new Error("several app ids");
  await lookAtDashboard(`http://127.0.0.1:${port}/`);
  process.kill(electron.pid(), "SIGTERM"); // as closing the last window would
  const after = await arrived([...WANTED, "SessionEnd"], [undefined, last.at(-1)], 30_000);
  tell(`after the quit it has ${after.length} events, SessionEnd among them`);
  for (const terminal of terminals.values()) terminal.end();
  await eventually(() => alive().length === 0, "no process is left", 30_000).catch((error) => {
    const commands = alive().map((pid) => ofProcess(pid, "cmdline").join(" "));
    throw new Error(`${error.message}: ${commands.join("; ")}`);
  });
  tell("nothing is left running");
}

const tooLong = new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`the walk took longer than ${WALK_MS} ms`)), WALK_MS).unref();
});
try {
  tell(`walking in ${place}`);
  await Promise.race([walk(), tooLong]);
} catch (error) {
  console.error(`the walk ended: ${error.message}`);
  for (const { name, said } of terminals.values()) {
    console.error(`--- ${name}\n${said.slice(-2_000)}`);
  }
  process.exitCode = 1;
} finally {
  for (const terminal of terminals.values()) terminal.end();
  for (const pid of alive()) kill(Number(pid));
  await Promise.allSettled(closing.map((close) => close()));
  rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  process.exit();
}
