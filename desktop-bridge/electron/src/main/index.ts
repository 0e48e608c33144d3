/** Sidespool in the main process of an Electron app. */

export { createSidespool } from "./create.js";
export type { AppLike, IpcMainLike, PowerMonitorLike, ShellLike } from "./electron-like.js";
export type { EmitOf, OutgoingEvent } from "./event-types.js";
export type { ExceptionContext } from "./exception.js";
export type {
  AutomaticEvents,
  Consent,
  ErrorReport,
  ErrorReportDetails,
  FlushResult,
  Sidespool,
  SidespoolOptions,
  SidespoolStatus,
} from "./options.js";
export type { OutboxStats } from "./outbox.js";
export { SETTINGS_KEYS } from "./settings.js";
export type { SettingsStore } from "./settings.js";
export { OWN_ORIGINS } from "./sender.js";
export type { Phase } from "./state.js";
export type { BridgeState, Door, SidespoolBridge } from "../channel.js";
