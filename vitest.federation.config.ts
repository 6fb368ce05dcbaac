// Federation: two gateways in two domains with a real DNS server, as processes. Apart from `npm test`, because it needs Debian packages.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/federation/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, // What a test waits for comes within milliseconds; a busy machine may take seconds.
    expect: { poll: { timeout: 15_000 } }, pool: 'forks', maxWorkers: 2 },
})
