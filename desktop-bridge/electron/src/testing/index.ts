/** What tests need: a double of the client for an app's tests, and Electron's parts without it. */

export { createSidespoolDouble } from "./double.js";
export type { SidespoolDouble } from "./double.js";
export {
  createFakeApp,
  createFakeIpcMain,
  createFakePage,
  createFakePort,
  messageFrom,
} from "./fake-electron.js";
export type { FakeApp, FakeIpcMain, FakePage, FakePort } from "./fake-electron.js";
export { createMemorySettings } from "./memory-settings.js";
export type { MemorySettings } from "./memory-settings.js";
