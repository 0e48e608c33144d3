// Builds dist/: ES modules with their types, and in dist/cjs/ the same for CommonJS. A folder of
// its own with a package.json of its own makes both compilers and Node take its files as such.
import { execFileSync } from "node:child_process";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

const remove = (path) => rmSync(path, { recursive: true, force: true });

// Built aside and put in place at the end: a build that fails, or runs while the package is in
// use, takes nothing away.
remove(join(root, "build/test"));
const fresh = join(root, `build/dist-${process.pid}`);
try {
  compile("tsconfig.build.json", fresh);
  compile("tsconfig.cjs.json", join(fresh, "cjs"));
  const kind = '{ "type": "commonjs", "sideEffects": false }\n';
  writeFileSync(join(fresh, "cjs/package.json"), kind);
  remove(join(root, "dist"));
  renameSync(fresh, join(root, "dist"));
} finally {
  remove(fresh);
}

function compile(project, outDir) {
  const command = [tsc, "-p", project, "--outDir", outDir];
  execFileSync(process.execPath, command, { cwd: root, stdio: "inherit" });
}
