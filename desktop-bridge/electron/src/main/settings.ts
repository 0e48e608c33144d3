/** Reads the app's settings store and spells them as the daemon does. Encodes; decides nothing. */

import type { Level, SettingsChange } from "@sidespool/protocol";
import { LEVELS } from "@sidespool/protocol";

/**
 * An electron-store, or anything else with `get`. Keys are texts; `any` lets stores fit that are
 * typed by their own schema.
 */
export interface SettingsStore {
  get(key: any): unknown;
  /** Tells later changes of one key; without it only `setEnabled` and its like are noticed. */
  onDidChange?(key: any, listener: (value?: any) => void): unknown;
  /** Keeps what the user chose, wherever the choice was made; without it a choice lasts a run. */
  set?(key: any, value?: any): unknown;
}

/** The keys of the store, the same that the daemon reads in a settings file. */
export const SETTINGS_KEYS = {
  enabled: "telemetryEnabled",
  full_content: "telemetryFullContent",
  level: "telemetryLevel",
  endpoint: "telemetryEndpoint",
  user_id: "telemetryUserId",
} as const;

/** What a `set` can change while the daemon runs; null where the user chose nothing. */
export interface Chosen {
  readonly enabled: boolean | null;
  readonly full_content: boolean | null;
  readonly level: Level | null;
}

/** What needs a new start. */
export interface Fixed {
  readonly endpoint: string | null;
  readonly user_id: string | null;
}

export function readChosen(store: SettingsStore): Chosen {
  return {
    enabled: asSwitch(look(store, SETTINGS_KEYS.enabled)),
    full_content: asSwitch(look(store, SETTINGS_KEYS.full_content)),
    level: asLevel(look(store, SETTINGS_KEYS.level)),
  };
}

export function readFixed(store: SettingsStore): Fixed {
  return {
    endpoint: asText(look(store, SETTINGS_KEYS.endpoint)),
    user_id: asText(look(store, SETTINGS_KEYS.user_id)),
  };
}

/** The settings as TELEMETRY_* variables; undefined where nothing is set. */
export function settingsVariables(
  chosen: Chosen,
  fixed: Fixed,
): Record<string, string | undefined> {
  return {
    TELEMETRY_ENABLED: asDigit(chosen.enabled),
    TELEMETRY_FULL_CONTENT: asDigit(chosen.full_content),
    TELEMETRY_LEVEL: chosen.level ?? undefined,
    TELEMETRY_ENDPOINT: fixed.endpoint ?? undefined,
    TELEMETRY_USER_ID: fixed.user_id ?? undefined,
  };
}

/** What a running daemon has to be told, or undefined where it knows already. */
export function settingsChange(known: Chosen, wanted: Chosen): SettingsChange | undefined {
  const changed = (["enabled", "full_content", "level"] as const).filter(
    (name) => known[name] !== wanted[name],
  );
  if (changed.length === 0) return undefined;
  return Object.fromEntries(changed.map((name) => [name, wanted[name]]));
}

/** A choice taken back cannot be told: the daemon would fall back to what it was started with. */
export function needsRestart(atStart: Chosen, wanted: Chosen): boolean {
  return (["enabled", "full_content", "level"] as const).some(
    (name) => atStart[name] !== null && wanted[name] === null,
  );
}

function look(store: SettingsStore, key: string): unknown {
  try {
    return store.get(key);
  } catch {
    return undefined;
  }
}

// As the daemon reads its settings file: what cannot be understood opens nothing.
const asSwitch = (value: unknown): boolean | null =>
  value === undefined || value === null ? null : value === true;

const asLevel = (value: unknown): Level | null => {
  if (value === undefined || value === null) return null;
  return LEVELS.find((level) => level === value) ?? "off";
};

const asText = (value: unknown): string | null =>
  typeof value === "string" && value.trim() !== "" ? value.trim() : null;

const asDigit = (value: boolean | null): string | undefined =>
  value === null ? undefined : value ? "1" : "0";
