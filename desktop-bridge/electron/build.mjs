// Builds dist/: main and testing as ESM and CommonJS, the preload script as one CommonJS file, and
// the types of each. `@sidespool/protocol` is bundled: one file loads faster than eight.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
// Built aside and put in place at the end: a build that fails, or runs while the package is in
// use, takes nothing away.
const dist = join(root, `build/dist-${process.pid}`);
process.on("exit", () => rmSync(dist, { recursive: true, force: true }));
const require = createRequire(import.meta.url);

function bundle(entry, format) {
  const extension = format === "esm" ? "js" : "cjs";
  return build({
    absWorkingDir: root,
    entryPoints: [`src/${entry}/index.ts`],
    outfile: join(dist, `${entry}/index.${extension}`),
    bundle: true,
    format,
    platform: "node",
    target: "node16.17",
    external: ["electron"],
    logLevel: "warning",
  });
}

// A `.d.cts` beside each `.d.ts`: the same declarations, seen from CommonJS.
function commonJsTypes() {
  for (const name of readdirSync(dist, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const text = readFileSync(join(dist, name), "utf8");
    const common = text.replace(/(from ")(\.[^"]*)\.js"/g, '$1$2.cjs"');
    writeFileSync(join(dist, name.replace(/\.d\.ts$/, ".d.cts")), common);
  }
}

const tsc = require.resolve("typescript/bin/tsc");
const types = [tsc, "-p", "tsconfig.build.json", "--outDir", dist];
execFileSync(process.execPath, types, { cwd: root, stdio: "inherit" });
commonJsTypes();
await Promise.all([
  bundle("main", "esm"),
  bundle("main", "cjs"),
  bundle("testing", "esm"),
  bundle("testing", "cjs"),
  // A sandboxed preload script has `require` and no `module`, so it may export nothing.
  bundle("preload", "iife"),
]);
rmSync(join(root, "dist"), { recursive: true, force: true });
renameSync(dist, join(root, "dist"));
