// What one `emit` costs its caller, in the main process and in a page, measured on the built
// packages beside floors of the same run: JSON.stringify of the same event, and what a client pays
// that hands each event to another process as it comes (a socket in Node, a MessagePort in a page).
//
//     node bench/emit.mjs            a table
//     node bench/emit.mjs --json     one JSON object, nanoseconds a call (medians of rounds)
//
// Needs `npm run build`. Pages need a Chromium (CHROMIUM_PATH, default /usr/bin/chromium); without
// one `renderer_ns` is null and the reason goes to standard error.
import { existsSync } from "node:fs";
import { measureMain } from "./main.mjs";
import { measurePage } from "./page.mjs";

const chromium = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

/** Figures of a page, or nulls where there is no browser. */
async function page() {
  if (existsSync(chromium)) return measurePage(chromium);
  console.error(`not measured: the page (there is no ${chromium})`);
  return { renderer_ns: null };
}

const figures = { ...(await measureMain()), ...(await page()) };
if (process.argv.includes("--json")) {
  console.log(JSON.stringify(figures));
} else {
  const ROWS = {
    main_ns: "main process: emit, the caller's cost",
    main_later_ns: "main process: the encoding, in another turn",
    main_stringify_ns: "  floor: JSON.stringify of the event",
    main_socket_ns: "  floor: JSON.stringify and a socket's write",
    renderer_ns: "page: Sidespool.emit of @sidespool/angular",
    renderer_stringify_ns: "  floor: JSON.stringify of the event",
    renderer_port_ns: "  floor: MessagePort.postMessage of the event",
  };
  console.log(`Node ${process.versions.node}; page in ${figures.renderer_in ?? "no browser"}`);
  for (const [key, name] of Object.entries(ROWS)) {
    const ns = figures[key];
    console.log(`${name.padEnd(48)} ${ns === null || ns === undefined ? "-" : `${ns} ns`}`);
  }
}
process.exit(0);
