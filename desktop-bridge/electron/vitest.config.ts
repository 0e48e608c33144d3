import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "e2e/**/*.test.ts"],
    // A daemon or an Electron takes what it takes on a busy machine; nothing here measures time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ["e2e/electron-binary.ts"],
    maxWorkers: 2,
    // What the driver of Electron throws when Electron ends under it is not ours.
    onUnhandledError: (error) => !/session closed/.test(String(error.message)),
  },
});
