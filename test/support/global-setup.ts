// Runs once before all tests: one PostgreSQL for every suite that also runs there.
import type { TestProject } from 'vitest/node'
import { startPostgres } from './postgres.js'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres()
  project.provide('postgres', server.url)
  return () => server.stop()
}

declare module 'vitest' {
  interface ProvidedContext { postgres: string }
}
