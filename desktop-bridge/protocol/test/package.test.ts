/** The package as an application gets it: packed, unpacked elsewhere, loaded and compiled against. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";

const root = process.cwd();
const tsc = resolve(root, "../node_modules/typescript/bin/tsc");
let app = "";
let listed: string[] = [];

before(() => {
  app = mkdtempSync(join(tmpdir(), "sidespool-protocol-"));
  const home = join(app, "node_modules/@sidespool/protocol");
  mkdirSync(home, { recursive: true });
  // The build is up to date (this test runs from it), and a second one would delete it under us.
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", app];
  const answer = execFileSync("npm", pack, { cwd: root, encoding: "utf8", stdio: "pipe" });
  const [packed] = Object.values(JSON.parse(answer) as Record<string, Packed>);
  listed = packed?.files.map((file) => file.path).sort() ?? [];
  const tarball = join(app, packed?.filename ?? "missing");
  execFileSync("tar", ["-xzf", tarball, "-C", home, "--strip-components=1"]);
});

after(() => rmSync(app, { recursive: true, force: true }));

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

function node(type: "module" | "commonjs", code: string): string {
  const input = [`--input-type=${type}`, "--eval", code];
  return execFileSync("node", input, { cwd: app, encoding: "utf8", stdio: "pipe" }).trim();
}

test("it holds the build and nothing else", () => {
  for (const folder of ["dist", "dist/cjs"]) {
    for (const name of ["index.js", "index.d.ts", "testing/index.js", "testing/index.d.ts"]) {
      assert.ok(listed.includes(`${folder}/${name}`), `${folder}/${name}`);
    }
  }
  const wanted = /^((dist\/cjs\/)?package\.json|README\.md|dist\/.+\.(js|d\.ts))$/;
  const strays = listed.filter((path) => !wanted.test(path));
  assert.deepEqual(strays, []);
});

test("it has no dependencies", () => {
  const text = readFileSync(join(app, "node_modules/@sidespool/protocol/package.json"), "utf8");
  const manifest = JSON.parse(text) as Record<string, unknown>;
  assert.equal(manifest["dependencies"] ?? manifest["peerDependencies"], undefined);
});

test("each entry point loads, and nothing beside them does", () => {
  const code = `
    const main = await import("@sidespool/protocol");
    const testing = await import("@sidespool/protocol/testing");
    console.log(main.SUBPROTOCOL, typeof main.createEvent, typeof testing.createRecorder);
    await import("@sidespool/protocol/dist/codec.js").catch((e) => console.log(e.code));
  `;
  const said = node("module", code).split("\n");
  assert.deepEqual(said, ["sidespool.v1 function function", "ERR_PACKAGE_PATH_NOT_EXPORTED"]);
});

test("each entry point loads from CommonJS, and answers as the module does", () => {
  const common = `
    const main = require("@sidespool/protocol");
    const testing = require("@sidespool/protocol/testing");
    console.log(Object.keys(main).sort().join());
    console.log(Object.keys(testing).sort().join());
    console.log(JSON.stringify(main.createEvent(testing.fixedSource(), ["ToolCall", {}])));
    try { require("@sidespool/protocol/dist/cjs/codec.js") } catch (e) { console.log(e.code) }
  `;
  const module = `
    const main = await import("@sidespool/protocol");
    const testing = await import("@sidespool/protocol/testing");
    console.log(Object.keys(main).sort().join());
    console.log(Object.keys(testing).sort().join());
    console.log(JSON.stringify(main.createEvent(testing.fixedSource(), ["ToolCall", {}])));
    console.log("ERR_PACKAGE_PATH_NOT_EXPORTED");
  `;
  assert.equal(node("commonjs", common), node("module", module));
});

const SOURCE = `
  import { type Emit, createEvent, encodeFrame } from "@sidespool/protocol";
  import { createRecorder, fixedSource } from "@sidespool/protocol/testing";
  import "./app-events.js";
  const emit: Emit = createRecorder().emit;
  emit("ChatTurn", { prompt_length: 1 });
  emit("ExportFinished", { format: "pdf" });
  // @ts-expect-error wrong type
  emit("ChatTurn", { prompt_length: "1" });
  // @ts-expect-error wrong word
  emit("ExportFinished", { format: "gif" });
  const event = createEvent(fixedSource(), ["ExportFinished", { format: "pdf" }]);
  export const frame: string = encodeFrame({ op: "emit", events: [event] });
`;

// The app's generated file has the same name everywhere: it is of the app's own module system.
for (const [type, module, moduleResolution] of [
  ["module", "NodeNext", "NodeNext"],
  ["module", "Node16", "Node16"],
  ["commonjs", "Node16", "Node16"],
  ["commonjs", "NodeNext", "NodeNext"],
  ["commonjs", "CommonJS", "Node10"],
  ["module", "ESNext", "Bundler"],
] as const) {
  test(`an application compiles as ${type} with ${module} and ${moduleResolution}`, () => {
    copyFileSync(join(root, "test/app-events.ts"), join(app, "app-events.ts"));
    writeFileSync(join(app, "main.ts"), SOURCE);
    writeFileSync(join(app, "package.json"), JSON.stringify({ type }));
    const strict = { strict: true, target: "ES2021", lib: ["ES2021"], types: [] };
    const compilerOptions = { ...strict, module, moduleResolution, outDir: "out" };
    const config = JSON.stringify({ compilerOptions, files: ["main.ts"] });
    writeFileSync(join(app, "tsconfig.json"), config);
    const { status, stdout } = spawnSync("node", [tsc], { cwd: app, encoding: "utf8" });
    assert.equal(status, 0, stdout);
    // What was compiled for Node runs there, too.
    if (moduleResolution !== "Bundler") execFileSync("node", ["out/main.js"], { cwd: app });
  });
}
