// The databases that a contract suite runs on: `for (const kind of databases) describe(kind, …)`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { connect, type Database } from '../../core/src/database/connect.js'
import { freshDatabase } from './postgres.js'

export const databases = ['sqlite', 'postgresql'] as const
export type DatabaseKind = (typeof databases)[number]

/** A fresh, empty database, and what settings name it. */
export async function openDatabase(kind: DatabaseKind): Promise<{ database: Database; settings: string[]; reopen(): Promise<Database>; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'restante-test-'))
  const url = kind === 'postgresql' ? await freshDatabase(inject('postgres')) : ''
  const open = (): Promise<Database> => (kind === 'sqlite' ? connect({ driver: 'sqlite', file: join(folder, 'test.sqlite') }) : connect({ driver: 'postgresql', url }))
  let database = await open()
  return {
    database,
    settings: kind === 'sqlite' ? [] : ['database.driver=postgresql', `database.url=${url}`],
    async reopen() {
      await database.close()
      database = await open()
      return database
    },
    async close() {
      await database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Settings of a gateway on a fresh database of this kind. */
export async function databaseSettings(kind: DatabaseKind): Promise<string[]> {
  return kind === 'sqlite' ? [] : ['database.driver=postgresql', `database.url=${await freshDatabase(inject('postgres'))}`]
}
