// Migrations: each owner (core folder or plugin) brings its own list; applied in order, once, under a lock.
import type { Statements } from './connect.js'

export interface Migration {
  /** 'owner/0001-what', unique and ascending within its owner. */
  readonly name: string
  /** Runs in one transaction. Must work on SQLite and PostgreSQL: use `db.dialect` for types that differ. */
  up(db: Statements): Promise<void>
}
