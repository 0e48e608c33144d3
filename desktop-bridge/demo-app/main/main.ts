/** The main process: telemetry in one call, then the window, the backend and the page's wishes. */

import { createSidespool } from '@sidespool/electron/main';
import { BrowserWindow, app, dialog, ipcMain, powerMonitor, shell } from 'electron';
import type { IpcMainInvokeEvent } from 'electron';
import { join } from 'node:path';

import type { Backend } from './backend';
import { startBackend, stopBackend } from './backend';
import { ORIGIN, registerScheme, servePages } from './page';
import { keepAdvanced, settings } from './settings';

const APP_ID = 'sidespool-demo';
const PYTHON = process.env['SIDESPOOL_PYTHON'] ?? 'python3';
const DATA_DIR = process.env['TELEMETRY_DATA_DIR'];

registerScheme();

const telemetry = createSidespool({
  app,
  ipcMain,
  powerMonitor,
  settings,
  appId: APP_ID,
  endpoint: process.env['DEMO_COLLECTOR'],
  token: process.env['DEMO_COLLECTOR_TOKEN'],
  python: PYTHON,
  // The daemon reads it, and cannot look into an asar archive: packed, it lies beside (extraResources).
  catalog: join(app.isPackaged ? process.resourcesPath : app.getAppPath(), 'telemetry.catalog.toml'),
  dataDir: DATA_DIR,
  consentModel: process.env['DEMO_CONSENT'] === 'opt_in' ? 'opt_in' : 'opt_out',
  policyVersion: '2026-01',
  origins: [ORIGIN],
});

let backend: Promise<Backend> | undefined;

void app.whenReady().then(async () => {
  servePages(join(app.getAppPath(), 'dist/page/browser'));
  backend = startBackend({
    python: PYTHON,
    appPath: app.getAppPath(),
    origin: ORIGIN,
    environment: {
      TELEMETRY_APP_ID: APP_ID,
      TELEMETRY_DATA_DIR: DATA_DIR,
      DEMO_SESSION_ID: telemetry.sessionId,
    },
  });
  backend.catch((error: unknown) => telemetry.captureException(error, 'backend'));
  answerPage();
  await openWindow();
});

app.on('window-all-closed', () => app.quit());
app.on('quit', stopBackend);

async function openWindow(): Promise<void> {
  const window = new BrowserWindow({
    width: 1180,
    height: 780,
    minWidth: 760,
    minHeight: 520,
    backgroundColor: '#f6f7f9',
    webPreferences: { preload: join(app.getAppPath(), 'dist/preload/preload.cjs'), sandbox: true },
  });
  window.setMenuBarVisibility(false);
  window.webContents.setWindowOpenHandler(({ url }) => {
    if (url.startsWith('https://')) void shell.openExternal(url);
    return { action: 'deny' };
  });
  window.webContents.on('will-navigate', (event) => event.preventDefault());
  await window.loadURL(`${ORIGIN}/`);
}

/** What the page may ask of this process; only the app's own page is answered. */
function answerPage(): void {
  handle('demo:backend', () => backend);
  handle('demo:pick-workspace', pickWorkspace);
  handle('demo:keep-advanced', keepAdvanced);
  handle('demo:open-viewer', () => telemetry.openViewer());
  handle('demo:fail', () => {
    // Outside the handler, or the page would get the error instead of this process.
    setTimeout(() => void Promise.reject(new Error('something went wrong in the main process')));
  });
}

function handle(channel: string, answer: (given: unknown) => unknown): void {
  ipcMain.handle(channel, (event: IpcMainInvokeEvent, given: unknown) => {
    if (event.senderFrame?.url.startsWith(`${ORIGIN}/`)) return answer(given);
    throw new Error('not for this page');
  });
}

async function pickWorkspace(): Promise<string | null> {
  const preset = process.env['DEMO_WORKSPACE']; // tests cannot use a file dialog
  if (preset !== undefined) return preset;
  const { filePaths } = await dialog.showOpenDialog({ properties: ['openDirectory'] });
  return filePaths[0] ?? null;
}
