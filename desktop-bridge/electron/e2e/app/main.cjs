// The app that the end-to-end tests drive: its own scheme, an electron-store, Sidespool.
const { app, BrowserWindow, ipcMain, powerMonitor, protocol } = require("electron");
const { join } = require("node:path");
const Store = require("electron-store");
const { createSidespool } = require("@sidespool/electron/main");

const PAGES = { strict: "index.html", socketless: "socketless.html" };
protocol.registerSchemesAsPrivileged([
  { scheme: "app", privileges: { standard: true, secure: true } },
]);
// A dialog of Electron's would hold the test.
process.on("uncaughtException", () => {});

const settings = new Store({ configFileMode: 0o600 });
const telemetry = createSidespool({
  app,
  ipcMain,
  powerMonitor,
  settings,
  appId: "electron-test",
  endpoint: process.env.TEST_COLLECTOR,
  token: process.env.TEST_COLLECTOR_TOKEN,
  python: process.env.TEST_PYTHON,
  dataDir: process.env.TEST_DATA_DIR,
  shutdownGraceMs: 3_000,
  logger: (sentence) => console.log(`sidespool: ${sentence}`),
  environment: {
    PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
    TELEMETRY_FLUSH_INTERVAL_S: process.env.TEST_FLUSH_S ?? "0.2",
  },
});
globalThis.app = app;
globalThis.telemetry = telemetry;
globalThis.settings = settings;

function open(address) {
  const window = new BrowserWindow({
    show: false,
    webPreferences: {
      preload: require.resolve("@sidespool/electron/preload"),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
    },
  });
  return window.loadURL(address).then(() => window);
}
globalThis.open = open;

app.on("window-all-closed", () => app.quit());
app.whenReady().then(() => {
  protocol.registerFileProtocol("app", (request, answer) => {
    const file = new URL(request.url).pathname.slice(1);
    answer({ path: join(__dirname, Object.values(PAGES).includes(file) ? file : "page.js") });
  });
  if (process.env.TEST_QUIT_AT_ONCE) {
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    app.quit();
    return undefined;
  }
  return open(`app://main/${PAGES.strict}`);
});
