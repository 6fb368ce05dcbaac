// Where the tests are. Unit tests beside the code; whole-system tests in test/. Interop runs apart (npm run test:interop).
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['core/src/**/*.test.ts', 'plugins/*/src/**/*.test.ts', 'bridges/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/interop/**', 'test/federation/**'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-setup.ts'],
    // What a test waits for comes within milliseconds; a busy machine may take seconds.
    expect: { poll: { timeout: 15_000 } }, pool: 'forks',
    maxWorkers: 2,
  },
})
