import { describe, expect, test } from "vitest";
import { childEnvironment, telemetryVariables } from "../src/main/environment.js";
import { readChosen, readFixed, settingsVariables } from "../src/main/settings.js";
import { SettingsSync } from "../src/main/settings-sync.js";
import { sidecarProgram } from "../src/main/sidecar.js";
import { createFakeApp, createMemorySettings } from "../src/testing/index.js";

describe("the settings store", () => {
  test("is spelled as the daemon's variables", () => {
    const store = createMemorySettings({
      telemetryEnabled: false,
      telemetryFullContent: true,
      telemetryLevel: "error",
      telemetryEndpoint: " https://c.example ",
      telemetryUserId: "u-1",
    });
    expect(settingsVariables(readChosen(store), readFixed(store))).toEqual({
      TELEMETRY_ENABLED: "0",
      TELEMETRY_FULL_CONTENT: "1",
      TELEMETRY_LEVEL: "error",
      TELEMETRY_ENDPOINT: "https://c.example",
      TELEMETRY_USER_ID: "u-1",
    });
  });

  test("leaves out what nobody chose", () => {
    const variables = settingsVariables(
      readChosen({ get: () => undefined }),
      readFixed({ get: () => null }),
    );
    expect(Object.values(variables).filter((value) => value !== undefined)).toEqual([]);
  });

  test.each(["yes", 1, {}, "true"])("that holds %j opens nothing", (broken) => {
    const store = createMemorySettings({ telemetryEnabled: broken, telemetryLevel: broken });
    expect(readChosen(store)).toMatchObject({ enabled: false, level: "off" });
  });

  test("that throws counts as empty", () => {
    const store = {
      get: (): never => {
        throw new Error("broken file");
      },
    };
    expect(readChosen(store)).toEqual({ enabled: null, full_content: null, level: null });
  });
});

describe("the sidecar's environment", () => {
  const inherited = {
    PATH: "/bin",
    Path: "C:\\Windows",
    HOME: "/home/x",
    https_proxy: "http://p:1",
    LC_ALL: "C",
    DO_NOT_TRACK: "1",
    TELEMETRY_PROXY: "http://q:1",
    TELEMETRY_ENDPOINT: "https://inherited.example",
    NODE_OPTIONS: "--require evil.js",
    ELECTRON_RUN_AS_NODE: "1",
    PYTHONPATH: "/tmp",
    PYTHONSTARTUP: "/tmp/x.py",
    LD_PRELOAD: "/tmp/x.so",
    DYLD_INSERT_LIBRARIES: "/tmp/x.dylib",
    AWS_SECRET_ACCESS_KEY: "s",
    APPIMAGE: "/tmp/app",
  };

  test("holds what a program needs and nothing else of the app's", () => {
    const names = Object.keys(childEnvironment(inherited, {})).sort();
    expect(names).toEqual(
      [
        "PATH",
        "Path",
        "HOME",
        "https_proxy",
        "LC_ALL",
        "DO_NOT_TRACK",
        "TELEMETRY_PROXY",
        "TELEMETRY_ENDPOINT",
      ].sort(),
    );
  });

  test("lets the app's own settings win, but never over DO_NOT_TRACK", () => {
    const options = { app: createFakeApp(), appId: "a", endpoint: "https://app.example" };
    const env = childEnvironment(inherited, telemetryVariables(options, {}), { EXTRA: "1" });
    expect(env).toMatchObject({
      TELEMETRY_APP_ID: "a",
      TELEMETRY_APP_VERSION: "1.2.3",
      TELEMETRY_ENDPOINT: "https://app.example",
      DO_NOT_TRACK: "1",
      EXTRA: "1",
    });
  });

  test("takes the endpoint and level of the settings before those of the code", () => {
    const options = {
      app: createFakeApp(),
      appId: "a",
      endpoint: "https://a.example",
      level: "usage" as const,
    };
    const told = { TELEMETRY_ENDPOINT: "https://b.example", TELEMETRY_LEVEL: "crash" };
    expect(telemetryVariables(options, told)).toMatchObject(told);
  });
});

describe("the sidecar's program", () => {
  const packaged = { isPackaged: true, resourcesPath: "/app/resources", platform: "linux" };

  test("of a packaged app lies beside its archive", () => {
    expect(sidecarProgram({ python: "/venv/python" }, packaged)).toEqual({
      command: "/app/resources/sidespool/sidespool",
      args: ["run", "--stdio"],
    });
    expect(sidecarProgram({}, { ...packaged, platform: "win32" }).command).toMatch(
      /sidespool\.exe$/,
    );
  });

  test("in development is a Python's module, or what is on the PATH", () => {
    const development = { ...packaged, isPackaged: false };
    expect(sidecarProgram({ python: "/venv/python" }, development).args).toEqual([
      "-m",
      "sidespool",
      "run",
      "--stdio",
    ]);
    expect(sidecarProgram({}, development).command).toBe("sidespool");
  });

  test("can be named", () => {
    expect(sidecarProgram({ sidecar: "/x/s" }, packaged).command).toBe("/x/s");
  });
});

describe("store and daemon", () => {
  function world(initial: Record<string, unknown> = {}) {
    const store = createMemorySettings(initial);
    const told: unknown[] = [];
    const answers: (() => void)[] = [];
    let restarts = 0;
    const sync = new SettingsSync(store, {
      tell: (change, answered) => {
        told.push(change);
        return new Promise((resolve) => {
          answers.push(() => {
            answered();
            resolve(undefined);
          });
        });
      },
      restart: () => (restarts += 1),
    });
    const view = (app: object) => ({
      enabled: true,
      full_content: false,
      level: "usage" as const,
      app,
    });
    return { store, told, answers, sync, view, restarts: () => restarts };
  }

  test("a change of the store is told", () => {
    const { store, told, sync, view } = world();
    sync.onWelcome(view({ enabled: null, full_content: null, level: "usage" }));
    store.set("telemetryEnabled", false);
    store.set("telemetryLevel", "error");
    expect(told).toEqual([{ enabled: false }, { level: "error" }]);
  });

  test("what changed while the daemon started is told with its welcome", () => {
    const { store, told, sync, view } = world({ telemetryEnabled: true });
    sync.variables();
    store.set("telemetryEnabled", false);
    sync.onWelcome(view({ enabled: true, level: "usage" }));
    expect(told).toEqual([{ enabled: false }]);
  });

  test("what a page chose is kept in the store, and not told back", () => {
    const { store, told, sync, view } = world();
    sync.onWelcome(view({ enabled: null, level: "usage" }));
    sync.onView(view({ enabled: false, level: "usage" }));
    expect(store.values).toEqual({ telemetryEnabled: false });
    expect(told).toEqual([]);
  });

  test("what is broadcast while a change is on its way is not written back", () => {
    const { store, sync, view, answers } = world({ telemetryEnabled: true });
    sync.onWelcome(view({ enabled: true, level: "usage" }));
    store.set("telemetryEnabled", false);
    store.set("telemetryEnabled", true);
    sync.onView(view({ enabled: false, level: "usage" }));
    expect(store.values["telemetryEnabled"]).toBe(true);
    answers.forEach((answer) => answer());
    sync.onView(view({ enabled: true, level: "usage" }));
    sync.onView(view({ enabled: false, level: "usage" }));
    expect(store.values["telemetryEnabled"]).toBe(false);
  });

  test("an endpoint, a user id or a choice taken back needs a new start", () => {
    const { store, sync, view, restarts } = world({ telemetryEnabled: false });
    sync.onWelcome(view({ enabled: false, level: "usage" }));
    store.set("telemetryEndpoint", "https://c.example");
    expect(restarts()).toBe(1);
    sync.variables();
    sync.onWelcome(view({ enabled: false, level: "usage" }));
    store.delete("telemetryEnabled");
    expect(restarts()).toBe(2);
  });

  test("a variable that the daemon inherited and the store knows nothing of is left alone", () => {
    const { told, sync, view, restarts } = world();
    sync.onWelcome(view({ enabled: false, full_content: true, level: "crash" }));
    expect([told, restarts()]).toEqual([[], 0]);
  });

  test("a store that cannot keep a choice still has it followed", async () => {
    const told: unknown[] = [];
    const sync = new SettingsSync(
      { get: () => undefined },
      {
        tell: (change, answered) => (told.push(change), answered(), Promise.resolve()),
        restart: () => {},
      },
    );
    sync.onWelcome({ enabled: true, full_content: false, level: "usage", app: { level: "usage" } });
    await sync.choose("enabled", false);
    expect(told).toEqual([{ enabled: false }]);
    expect(sync.variables()["TELEMETRY_ENABLED"]).toBe("0");
  });
});
