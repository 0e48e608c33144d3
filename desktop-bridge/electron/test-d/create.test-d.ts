/** Compiles only if Electron's own objects and electron-store fit, and events are checked. */

import { app, ipcMain, powerMonitor, shell } from "electron";
import Store from "electron-store";
import type { Consent, Sidespool, SidespoolOptions } from "../src/main/index.js";
import { createSidespool } from "../src/main/index.js";
import {
  createFakeApp,
  createMemorySettings,
  createSidespoolDouble,
} from "../src/testing/index.js";

const telemetry = createSidespool({
  app,
  ipcMain,
  powerMonitor,
  shell,
  settings: new Store(),
  appId: "my-app",
  endpoint: "https://collector.example",
  token: async () => "t",
  automatic: { unresponsive: false },
  beforeSend: (event) => ({ ...event, payload: {} }),
});

// Typed and lesser stores and stand-ins fit, too.
const typed = new Store<{ theme: string; telemetryEnabled?: boolean }>();
createSidespool({ app, settings: typed, appId: "a" });
createSidespool({ app: createFakeApp(), settings: { get: () => undefined }, appId: "a" });
createSidespool({ app: createFakeApp(), settings: createMemorySettings(), appId: "a" });
// @ts-expect-error an app id is needed
createSidespool({ app });
// @ts-expect-error a collector's address is a text
export const wrong: SidespoolOptions = { app, appId: "a", endpoint: 1 };

telemetry.emit("ChatTurn", { prompt_length: 1 });
telemetry.trackEvent("ToolCall", { tool_name: "grep", success: true });
telemetry.capture("SessionEnd");
// @ts-expect-error no such event
telemetry.emit("ChatTurned", {});
// @ts-expect-error no such field
telemetry.emit("ChatTurn", { prompt: "text" });
// @ts-expect-error a number, not a text
telemetry.capture("ChatTurn", { prompt_length: "1" });
// @ts-expect-error only the daemon makes reports
telemetry.trackEvent("ClientReport", {});

interface OwnEvents {
  Opened: { tabs: number };
  Closed: { reason?: "user" | "crash" };
}
const own: Sidespool<OwnEvents> = createSidespool<OwnEvents>({ app, appId: "a" });
own.emit("Opened", { tabs: 1 });
own.emit("Closed");
// @ts-expect-error a required field is missing
own.emit("Opened", {});
// @ts-expect-error not one of the words
own.emit("Closed", { reason: "bored" });
// @ts-expect-error not an event of this map
own.emit("ChatTurn", {});

export const consent: Promise<Consent> = telemetry.setEnabled(true);
export const now: Consent = telemetry.getConsent();
export const level: "off" | "crash" | "error" | "usage" | "full" = now.level;
void telemetry.setConsent("granted");
// @ts-expect-error a decision is granted or denied
void telemetry.setConsent("maybe");
telemetry.captureException(new Error("x"), { step: 1 });
telemetry.setDebugTag(null);
export const opened: Promise<boolean> = telemetry.openViewer();
export const double: Sidespool = createSidespoolDouble();
