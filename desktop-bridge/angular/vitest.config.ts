import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 20_000,
    projects: [
      { test: { name: 'transport', include: ['test/transport/**/*.test.ts'], testTimeout: 20_000 } },
      {
        // The built library, linked while it is loaded: what is tested is what is packed.
        test: {
          name: 'angular',
          include: ['test/angular/**/*.test.ts'],
          environment: 'jsdom',
          setupFiles: ['test/support/angular.ts'],
          server: { deps: { inline: [/@sidespool\/angular/, /angular\/dist/] } },
        },
      },
      {
        // A current Chromium and a real daemon for each test: one at a time.
        test: { name: 'e2e', include: ['e2e/**/*.test.ts'], testTimeout: 40_000, fileParallelism: false },
      },
    ],
  },
});
