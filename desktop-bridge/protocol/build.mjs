// Builds dist/: ES modules with their types, and in dist/cjs/ the same for CommonJS. A folder of
// its own with a package.json of its own makes both compilers and Node take its files as such.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

for (const old of ["dist", "build"]) rmSync(join(root, old), { recursive: true, force: true });
for (const project of ["tsconfig.build.json", "tsconfig.cjs.json"]) {
  execFileSync(process.execPath, [tsc, "-p", project], { cwd: root, stdio: "inherit" });
}
writeFileSync(join(root, "dist/cjs/package.json"), '{ "type": "commonjs", "sideEffects": false }\n');
