/** The package as an app gets it: packed, unpacked elsewhere, loaded and compiled against. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryDirectory } from "./support/process.js";

const root = resolve(import.meta.dirname, "..");
const workspace = resolve(root, "..");
const directory = temporaryDirectory();
const app = directory.path;
let listed: string[] = [];

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** Packs one package of the workspace into the app's node_modules, as installing it would. */
function install(name: string): string[] {
  const home = join(app, "node_modules/@sidespool", name);
  mkdirSync(home, { recursive: true });
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", app];
  const answer = execFileSync("npm", pack, {
    cwd: join(workspace, name),
    encoding: "utf8",
    stdio: "pipe",
  });
  const [packed] = Object.values(JSON.parse(answer) as Record<string, Packed>);
  const tarball = join(app, packed?.filename ?? "missing");
  execFileSync("tar", ["-xzf", tarball, "-C", home, "--strip-components=1"]);
  return packed?.files.map((file) => file.path).sort() ?? [];
}

beforeAll(() => {
  install("protocol");
  listed = install("electron");
  mkdirSync(join(app, "node_modules/@types"));
  symlinkSync(join(workspace, "node_modules/@types/node"), join(app, "node_modules/@types/node"));
  symlinkSync(join(workspace, "node_modules/undici-types"), join(app, "node_modules/undici-types"));
  symlinkSync(join(workspace, "node_modules/electron"), join(app, "node_modules/electron"));
});

afterAll(() => directory.remove());

function node(type: "module" | "commonjs", code: string): string {
  const input = [`--input-type=${type}`, "--eval", code];
  return execFileSync("node", input, { cwd: app, encoding: "utf8", stdio: "pipe" }).trim();
}

test("it holds the build and nothing else", () => {
  const strays = listed.filter(
    (path) => !/^(package\.json|README\.md|dist\/.+\.(c?js|d\.c?ts))$/.test(path),
  );
  expect(strays).toEqual([]);
});

test("its only dependency is the protocol", () => {
  const text = readFileSync(join(app, "node_modules/@sidespool/electron/package.json"), "utf8");
  const manifest = JSON.parse(text) as Record<string, object>;
  expect(Object.keys(manifest["dependencies"] ?? {})).toEqual(["@sidespool/protocol"]);
  expect(manifest["peerDependencies"]).toBeUndefined();
});

test("each entry point loads as a module and from CommonJS, and nothing beside them does", () => {
  const modules = `
    const main = await import("@sidespool/electron/main");
    const testing = await import("@sidespool/electron/testing");
    console.log(typeof main.createSidespool, typeof testing.createFakeApp);
    await import("@sidespool/electron/dist/main/machine.js").catch((e) => console.log(e.code));
  `;
  expect(node("module", modules).split("\n")).toEqual([
    "function function",
    "ERR_PACKAGE_PATH_NOT_EXPORTED",
  ]);
  const common = `
    const main = require("@sidespool/electron/main");
    const testing = require("@sidespool/electron/testing");
    console.log(typeof main.createSidespool, typeof testing.createFakeApp);
  `;
  expect(node("commonjs", common)).toBe("function function");
});

test("the preload script is one file that needs Electron alone and exports nothing", () => {
  const path = node("commonjs", 'console.log(require.resolve("@sidespool/electron/preload"))');
  const text = readFileSync(path, "utf8");
  expect([...text.matchAll(/require\("([^"]+)"\)/g)].map((found) => found[1])).toEqual([
    "electron",
  ]);
  expect(text).not.toMatch(/\b(module\.exports|exports\.|import )/);
  const source = readFileSync(join(root, "src/preload/index.ts"), "utf8");
  expect(source.split("\n").length).toBeLessThanOrEqual(50);
});

const SOURCE = `
import { app, ipcMain, powerMonitor } from "electron";
import { createSidespool, type Sidespool } from "@sidespool/electron/main";
import type { SidespoolBridge } from "@sidespool/electron/preload";
import { createSidespoolDouble } from "@sidespool/electron/testing";
const telemetry: Sidespool = createSidespool({ app, ipcMain, powerMonitor, appId: "a" });
const double: Sidespool = createSidespoolDouble();
telemetry.emit("ChatTurn", { prompt_length: 1 });
telemetry.emit("ExportFinished", { format: "pdf" });
double.capture("ToolCall");
// @ts-expect-error wrong type
telemetry.emit("ChatTurn", { prompt_length: "1" });
// @ts-expect-error wrong word
telemetry.emit("ExportFinished", { format: "gif" });
// @ts-expect-error no such event
telemetry.trackEvent("ChatTurned");
const own = createSidespool<{ Opened: { tabs: number } }>({ app, appId: "a" });
own.emit("Opened", { tabs: 1 });
// @ts-expect-error a required field is missing
own.emit("Opened");
declare const bridge: SidespoolBridge;
export const door: Promise<{ readonly url: string } | null> = bridge.door();
`;

/** Declarations are read once for all compilations: Electron's are two megabytes. */
const read = new Map<string, ts.SourceFile | undefined>();

/** What the compiler says of a project. */
function complaints(project: string): string[] {
  const file = ts.readConfigFile(project, (path) => ts.sys.readFile(path));
  const config: unknown = file.config;
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, app);
  const host = ts.createCompilerHost(options);
  const fresh = host.getSourceFile.bind(host);
  host.getSourceFile = (path, how, ...more) => {
    if (!path.includes("node_modules/electron/")) return fresh(path, how, ...more);
    if (!read.has(path)) read.set(path, fresh(path, how, ...more));
    return read.get(path);
  };
  const program = ts.createProgram(fileNames, options, host);
  const found = [...errors, ...ts.getPreEmitDiagnostics(program)];
  return found.map(({ file, messageText }) => `${file?.fileName}: ${JSON.stringify(messageText)}`);
}

describe("an app compiles against it, with events of its own", () => {
  test.each([
    ["module", "NodeNext", "NodeNext"],
    ["commonjs", "Node16", "Node16"],
    ["commonjs", "CommonJS", "Node10"],
    ["module", "ESNext", "Bundler"],
  ])("as %s, with module %s and resolution %s", (type, module, moduleResolution) => {
    copyFileSync(join(workspace, "protocol/test/app-events.ts"), join(app, "app-events.ts"));
    writeFileSync(join(app, "main.ts"), SOURCE);
    writeFileSync(join(app, "package.json"), JSON.stringify({ type }));
    const common = {
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      target: "ES2021",
      types: ["node"],
    };
    const compilerOptions = { ...common, module, moduleResolution };
    writeFileSync(
      join(app, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["main.ts", "app-events.ts"] }),
    );
    expect(complaints(join(app, "tsconfig.json"))).toEqual([]);
  });
});
