// The whole of Sidespool in an Electron main process; docs/electron.md explains it line by line.
const { app, BrowserWindow, ipcMain, powerMonitor } = require("electron");
const Store = require("electron-store");
const { createSidespool } = require("@sidespool/electron/main");

const settings = new Store({ configFileMode: 0o600 });

const telemetry = createSidespool({
  app,
  ipcMain,
  powerMonitor,
  settings, // telemetryEnabled, telemetryFullContent, telemetryLevel, …
  appId: "my-app",
  endpoint: process.env.MY_COLLECTOR ?? "http://127.0.0.1:8787",
  token: process.env.MY_INGEST_TOKEN,
  python: process.env.SIDESPOOL_PYTHON, // in development; a packaged app brings its sidecar
  dataDir: process.env.TELEMETRY_DATA_DIR,
});

app.whenReady().then(() => {
  const window = new BrowserWindow({
    webPreferences: {
      preload: require.resolve("@sidespool/electron/preload"),
      sandbox: true,
      contextIsolation: true,
    },
  });
  telemetry.emit("ChatTurn", { prompt_length: 120, response_length: 900, model: "m-1" });
  return window.loadFile("index.html");
});

app.on("window-all-closed", () => app.quit());
