/** Opens the daemon's viewer in the user's browser, by a link that is good once. */

import { createRequire } from "node:module";
import type { ShellLike } from "./electron-like.js";
import type { Questions } from "./questions.js";

// What goes to the operating system to be opened is this and nothing else, whoever answered.
const LINK = /^http:\/\/127\.0\.0\.1:\d{1,5}\/viewer\/\?key=[\w-]{1,128}$/;

/** Whether there is a daemon that gave a link, and Electron took it to open it. */
export async function openViewer(
  questions: Questions,
  given: ShellLike | undefined,
): Promise<boolean> {
  const shell = given ?? electronShell();
  if (shell === undefined) return false;
  const answer = await questions.ask({ op: "view" });
  const url = answer?.op === "result" ? answer["url"] : undefined;
  if (typeof url !== "string" || !LINK.test(url)) return false;
  await shell.openExternal(url);
  return true;
}

/**
 * Electron's own `shell`, or undefined outside Electron. Asked for by a `require` of its own: it
 * works in both module systems and in an app that was bundled, before and after Electron 28.
 */
function electronShell(): ShellLike | undefined {
  if (process.versions["electron"] === undefined) return undefined;
  const electron = createRequire(process.execPath)("electron") as { readonly shell?: ShellLike };
  return electron.shell;
}
