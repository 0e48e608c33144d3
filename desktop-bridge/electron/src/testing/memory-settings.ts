/** A settings store in memory that behaves like electron-store. */

import type { SettingsStore } from "../main/settings.js";

export interface MemorySettings extends Required<SettingsStore> {
  readonly values: Readonly<Record<string, unknown>>;
  delete(key: string): void;
}

export function createMemorySettings(initial: Record<string, unknown> = {}): MemorySettings {
  const values: Record<string, unknown> = { ...initial };
  const listeners: { key: string; listener: (value: unknown) => void }[] = [];
  const tell = (changed: string): void => {
    for (const { key, listener } of listeners) if (key === changed) listener(values[key]);
  };
  return {
    values,
    get: (key: string) => values[key],
    set: (key: string, value?: unknown) => {
      if (values[key] === value) return;
      values[key] = value;
      tell(key);
    },
    delete: (key) => {
      delete values[key];
      tell(key);
    },
    onDidChange: (key: string, listener: (value: unknown) => void) =>
      void listeners.push({ key, listener }),
  };
}
