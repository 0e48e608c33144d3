/** docs/integrate.md holds together; `npm run walk` of the workspace follows it for real. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";

type Step = { file: string; text: string } | { terminal: string; lines: string[] };

const workspace = resolve(import.meta.dirname, "../..");
const { stepsOf } = (await import(pathToFileURL(`${workspace}/walk/document.mjs`).href)) as {
  stepsOf(markdown: string, way: string): Step[];
};
const text = readFileSync(resolve(workspace, "../docs/integrate.md"), "utf8");
const files = stepsOf(text, "plain").flatMap((step) => ("file" in step ? [step] : []));

test.each([
  ["plain", ["page/browser/index.html", "page/browser/page.js"]],
  ["angular", ["app$", "ui/src/main.ts", "ui/src/app/app.ts", "app$"]],
])("its steps are found, in their order, the way %s", (way, page) => {
  const steps = stepsOf(text, way);
  expect(steps.map((step) => ("file" in step ? step.file : `${step.terminal}$`))).toEqual([
    ...["collector$", "app$", "main.js", ...page],
    ...["backend.py", "app$", "third$", "third$"],
  ]);
});

test.each(files.filter(({ file }) => file.endsWith(".js")))("its $file can be read", ({ text }) => {
  const { status, stderr } = spawnSync("node", ["--check", "-"], { input: text, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
});

test("its main process gives Sidespool ten lines and no more", () => {
  const main = files.find(({ file }) => file === "main.js")?.text ?? "";
  const call = /^const telemetry = createSidespool\(\{\n[\s\S]*?^\}\);$/m.exec(main)?.[0] ?? "";
  expect(call).not.toBe("");
  const emit = /^telemetry\.emit\(.*$/m.exec(main);
  const needed = /^const \{ createSidespool \}.*$/m.exec(main);
  expect([needed, emit]).not.toContain(null);
  expect(call.split("\n").length + 2).toBeLessThanOrEqual(10);
});

test("blocks without a title are for reading only", () => {
  expect(stepsOf('```sh\nrm -r x\n```\n\n```sh title="t"\na\nb\n```\n', "plain")).toEqual([
    { terminal: "t", lines: ["a", "b"] },
  ]);
});
