/** The app's settings: one electron-store for everything, telemetry's keys among them. */

import Store from 'electron-store';

/** What the daemon knows by these names; see docs/electron.md. */
export interface Settings {
  telemetryEnabled?: boolean;
  telemetryFullContent?: boolean;
  telemetryEndpoint?: string;
  telemetryUserId?: string;
}

/** Readable by this user alone: electron-store's default is not. */
export const settings = new Store<Settings>({ configFileMode: 0o600 });

/** What the page sent: only what the user changed; empty means back to the app's own. */
export function keepAdvanced(change: unknown): void {
  const { endpoint, userId } = Object(change) as { endpoint?: unknown; userId?: unknown };
  put('telemetryEndpoint', endpoint);
  put('telemetryUserId', userId);
}

function put(key: 'telemetryEndpoint' | 'telemetryUserId', value: unknown): void {
  if (value === '') settings.delete(key);
  else if (typeof value === 'string') settings.set(key, value);
}
