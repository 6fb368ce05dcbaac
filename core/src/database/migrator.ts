// Migrations: each owner (core folder or plugin) brings its own list; applied in order, once. A database that knows a
// migration that this program does not know was written by a newer one: refuse, do not guess.
import { failure } from '../errors/codes.js'
import type { Database, Statements, Transaction } from './connect.js'

export interface Migration {
  /** 'owner/0001-what', unique and ascending within its owner. */
  readonly name: string
  /** Runs in one transaction. Must work on SQLite and PostgreSQL: use `db.dialect` for types that differ. */
  up(db: Statements): Promise<void>
}

/**
 * Brings the database up to date. Owners whose migrations are not in the list (a plugin that is switched off) are left alone.
 * Throws DATABASE_NEWER.
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<void> {
  await database.write(async (tx) => {
    await tx.run('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)')
    // Numbers that are given out once and never again, whatever is deleted since: one row a table.
    await tx.run('CREATE TABLE IF NOT EXISTS ids (name TEXT PRIMARY KEY, next BIGINT NOT NULL)')
    const done = new Set((await tx.all<{ name: string }>('SELECT name FROM migrations')).map((row) => row.name))
    const known = new Set(migrations.map((migration) => migration.name))
    const owners = new Set(migrations.map((migration) => owner(migration.name)))
    const unknown = [...done].find((name) => owners.has(owner(name)) && !known.has(name))
    if (unknown) throw failure('DATABASE_NEWER', { migration: unknown })
    for (const migration of migrations) {
      if (done.has(migration.name)) continue
      await migration.up(tx)
      await tx.run('INSERT INTO migrations (name, applied_at) VALUES (?, ?)', [migration.name, Date.now()])
    }
  })
}

const owner = (name: string): string => name.slice(0, name.indexOf('/'))

/** Numbers are reserved in blocks, so that a commit needs no statement for them; a restart skips the rest of a block. */
const block = 1000

/** Takes `count` new numbers for each name, ascending, never given out before. Answers the first of each. */
export async function allocate<Name extends string>(tx: Transaction, counts: Readonly<Record<Name, number>>): Promise<Record<Name, number>> {
  const result = {} as Record<Name, number>
  const missing: [Name, number][] = []
  for (const [name, count] of Object.entries(counts) as [Name, number][]) {
    const reserved = tx.numbers.get(name)
    if (count === 0) continue
    if (reserved && reserved.end - reserved.next >= count) {
      result[name] = reserved.next
      reserved.next += count
    } else missing.push([name, count + block])
  }
  if (missing.length === 0) return result
  const rows = await tx.all<{ name: Name; next: number }>(
    `INSERT INTO ids (name, next) SELECT r.name, 1 + r.count FROM ${tx.dialect.rows({ name: 'text', count: 'int' })} AS r WHERE 1 = 1
     ON CONFLICT (name) DO UPDATE SET next = ids.next + excluded.next - 1 RETURNING name, next`,
    [tx.dialect.rowsValue(missing)])
  for (const { name, next } of rows) {
    result[name] = next - counts[name] - block
    // Only when the reservation is durable may others take from it.
    tx.afterCommit(() => tx.numbers.set(name, { next: next - block, end: next }))
  }
  return result
}
