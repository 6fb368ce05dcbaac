// Interop tests: real programs over real sockets. Apart from `npm test`, because they need Debian packages.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/interop/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, // What a test waits for comes within milliseconds; a busy machine may take seconds.
    expect: { poll: { timeout: 15_000 } }, pool: 'forks', maxWorkers: 2 },
})
