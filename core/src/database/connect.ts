// The database as the rest sees it: one writer (the commit queue's), several readers. knex carries the connections.
import type { Dialect } from './dialect.js'

export type Value = string | number | bigint | Buffer | null
export type Row = Record<string, any>

/** Runs SQL with `?` placeholders. What is inside one commit gets a Statements of its own. */
export interface Statements {
  readonly dialect: Dialect
  /** Rows of a SELECT, or of a RETURNING clause. */
  all<R extends Row = Row>(sql: string, values?: readonly Value[]): Promise<R[]>
  /** The first row. */
  get<R extends Row = Row>(sql: string, values?: readonly Value[]): Promise<R | undefined>
  /** For effect. */
  run(sql: string, values?: readonly Value[]): Promise<void>
}

/** A piece of writing that many callers do at once: all that wait are written by one set of statements. */
export interface Batch<I, O> {
  readonly name: string
  /** Writes all items or throws; answers in the order of the items. */
  write(tx: Statements, items: readonly I[]): Promise<readonly O[]>
}

export interface Database {
  readonly dialect: Dialect
  /** Reads, outside any transaction, on one of several connections. */
  readonly read: Statements
  /** One operation in the next commit (group commit: shared with whoever else waits), under its own savepoint. Resolves after the commit. */
  write<T>(operation: (tx: Statements) => Promise<T>): Promise<T>
  /** Like `write`, for operations that can be merged. If the merged writing fails, each is tried alone. */
  writeBatched<I, O>(batch: Batch<I, O>, item: I): Promise<O>
  close(): Promise<void>
}
