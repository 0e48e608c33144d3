/** Composes the sidecar's environment from a short list: nothing else of the app's reaches it. */

import type { SidespoolOptions } from "./options.js";

type Variables = Readonly<Record<string, string | undefined>>;

// What a Python program needs to find its user, its files, its keychain, its proxy and its
// language. NODE_OPTIONS, ELECTRON_RUN_AS_NODE, PYTHON*, LD_*, DYLD_* and an AppImage's own
// variables are absent on purpose: each of them makes a child do something else.
const KEPT: ReadonlySet<string> = new Set([
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE"],
  ...["DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "SSL_CERT_FILE", "SSL_CERT_DIR"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "DO_NOT_TRACK"],
  ...["SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "TEMP", "TMP", "APPDATA", "LOCALAPPDATA"],
  ...["USERPROFILE", "USERNAME", "USERDOMAIN", "HOMEDRIVE", "HOMEPATH", "PROGRAMDATA"],
  ...["PROGRAMFILES", "PATHEXT", "COMSPEC", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"],
]);
const KEPT_PREFIX = /^(LC_|XDG_|TELEMETRY_)/;

/** Windows spells names as it likes, and proxies come in lower case. */
function kept(name: string): boolean {
  const upper = name.toUpperCase();
  return KEPT.has(upper) || KEPT_PREFIX.test(upper);
}

/**
 * The child's whole environment. What the app sets (`telemetry`) wins over TELEMETRY_* that it
 * inherited; `DO_NOT_TRACK` is inherited and outranks both in the daemon. `extra` comes last.
 */
export function childEnvironment(
  inherited: Variables,
  telemetry: Variables,
  extra: Variables = {},
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (value !== undefined && kept(name)) out[name] = value;
  }
  for (const [name, value] of [...Object.entries(telemetry), ...Object.entries(extra)]) {
    if (value !== undefined) out[name] = value;
  }
  return out;
}

/** The app's options as TELEMETRY_* variables; what the settings store says comes first. */
export function telemetryVariables(options: SidespoolOptions, settings: Variables): Variables {
  const grace = options.shutdownGraceMs;
  return {
    TELEMETRY_APP_ID: options.appId,
    TELEMETRY_APP_VERSION: options.appVersion ?? options.app.getVersion(),
    TELEMETRY_CATALOG: options.catalog,
    TELEMETRY_CONSENT_MODEL: options.consentModel,
    TELEMETRY_POLICY_VERSION: options.policyVersion,
    TELEMETRY_FEATURE: options.feature === undefined ? undefined : options.feature ? "1" : "0",
    TELEMETRY_DATA_DIR: options.dataDir,
    TELEMETRY_ORIGINS: options.origins?.join(","),
    TELEMETRY_SHUTDOWN_GRACE_S: grace === undefined ? undefined : String(grace / 1000),
    ...settings,
    TELEMETRY_LEVEL: settings["TELEMETRY_LEVEL"] ?? options.level,
    TELEMETRY_ENDPOINT: settings["TELEMETRY_ENDPOINT"] ?? options.endpoint,
  };
}
