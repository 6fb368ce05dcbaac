// The database as the rest sees it: one writer (the commit queue's), several readers. knex carries the connections.
import knexModule, { type Knex } from 'knex'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { failure } from '../errors/codes.js'
import { CommitQueue } from './commit-queue.js'
import { postgresql, sqlite, type Dialect } from './dialect.js'

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

/** What writes inside one commit. */
export interface Transaction extends Statements {
  /** Runs after the commit, in commit order and before any writer is answered; forgotten when the writing is rolled back. Must not throw. */
  afterCommit(run: () => void): void
  /** Reserved numbers, see `allocate`. */
  readonly numbers: Map<string, { next: number; end: number }>
}

/** A piece of writing that many callers do at once: all that wait are written by one set of statements. */
export interface Batch<I, O> {
  readonly name: string
  /** Writes all items or throws; answers in the order of the items. */
  write(tx: Transaction, items: readonly I[]): Promise<readonly O[]>
}

export interface Database {
  readonly dialect: Dialect
  /** Reads, outside any transaction, on one of several connections. */
  readonly read: Statements
  /** Transactions committed so far. */
  readonly commits: number
  /** One operation in the next commit (group commit: shared with whoever else waits), under its own savepoint. Resolves after the commit. */
  write<T>(operation: (tx: Transaction) => Promise<T>): Promise<T>
  /** Like `write`, for operations that can be merged. If the merged writing fails, each is tried alone. */
  writeBatched<I, O>(batch: Batch<I, O>, item: I): Promise<O>
  /** Waits for what is queued, then closes all connections. */
  close(): Promise<void>
}

export type DatabaseOptions =
  | { readonly driver: 'sqlite'; readonly file: string; readonly readers?: number; readonly cacheMiB?: number; readonly busySeconds?: number }
  | { readonly driver: 'postgresql'; readonly url: string; readonly readers?: number }

/** Opens the database (creating an SQLite file that is missing). Throws DATABASE_FAILED. */
export async function connect(options: DatabaseOptions): Promise<Database> {
  const dialect = options.driver === 'sqlite' ? sqlite : postgresql
  if (options.driver === 'sqlite') mkdirSync(dirname(options.file), { recursive: true, mode: 0o700 })
  const writer = pool(options, 'writer')
  const readers = pool(options, 'reader')
  let checkpoints: { stop(): Promise<void> } | undefined
  try {
    const writing = await single(writer, dialect)
    const queue = new CommitQueue(dialect, writing)
    checkpoints = dialect.name === 'sqlite' ? await checkpointing(pool(options, 'writer'), queue) : undefined
    const read = await reading(readers, dialect, options.readers ?? defaultReaders)
    await read.get('SELECT 1')
    return {
      dialect,
      read,
      get commits() { return queue.commits },
      write: (operation) => queue.write(operation),
      writeBatched: (batch, item) => queue.writeBatched(batch, item),
      async close() {
        await queue.close()
        await checkpoints?.stop()
        await read.release()
        await writing.release()
        await readers.destroy()
        await writer.destroy()
      },
    }
  } catch (error) {
    await checkpoints?.stop()
    await Promise.allSettled([readers.destroy(), writer.destroy()])
    const translated = dialect.translate(error)
    throw translated === error ? failure('DATABASE_FAILED', { why: (error as Error).message }, error) : translated
  }
}

const defaultReaders = 3

function pool(options: DatabaseOptions, role: 'writer' | 'reader'): Knex {
  const max = role === 'writer' ? 1 : options.readers ?? defaultReaders
  const limits = { min: role === 'writer' ? 1 : 0, max, idleTimeoutMillis: 300_000 }
  if (options.driver === 'postgresql') {
    return knexModule.knex({
      client: 'pg',
      log: silent,
      connection: { connectionString: options.url, application_name: `restante-${role}` },
      pool: { ...limits, afterCreate: (connection: PgConnection, done: (error: unknown, connection: unknown) => void) => {
        // int8 as a number: every number of ours stays below 2^53.
        connection.setTypeParser(20, Number)
        done(null, connection)
      } },
    })
  }
  const cacheKiB = Math.round((options.cacheMiB ?? 64) * 1024 / (role === 'writer' ? 1 : max))
  const pragmas = [
    'journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', `busy_timeout = ${(options.busySeconds ?? 10) * 1000}`, `cache_size = -${cacheKiB}`, 'temp_store = MEMORY',
    'mmap_size = 1073741824', `wal_autocheckpoint = ${fallbackCheckpointPages}`, 'journal_size_limit = 67108864', ...(role === 'reader' ? ['query_only = ON'] : []),
  ]
  return knexModule.knex({
    client: 'sqlite3',
    log: silent,
    useNullAsDefault: true,
    connection: { filename: options.file },
    pool: { ...limits, afterCreate: (connection: SqliteConnection, done: (error: unknown, connection: unknown) => void) => {
      connection.exec(pragmas.map((pragma) => `PRAGMA ${pragma};`).join('\n'), (error) => done(error, connection))
    } },
  })
}
/** What goes wrong is thrown as well; knex would also write it to standard output. */
const silent = { warn: () => undefined, error: () => undefined, deprecate: () => undefined, debug: () => undefined }
interface PgConnection { setTypeParser(oid: number, parse: (text: string) => unknown): void }
interface SqliteConnection {
  exec(sql: string, done: (error: Error | null) => void): void
  prepare(sql: string, done: (error: Error | null) => void): SqliteStatement
}
interface SqliteStatement {
  all(values: readonly Value[], done: (error: Error | null, rows: Row[]) => void): void
  finalize(done: () => void): void
}

/**
 * Moves the write-ahead log into the database, on a connection of its own: when nobody has written for a moment, or when the
 * log has grown long. Left to SQLite, every thousand pages a commit would wait for it, and a burst of mail would be
 * written twice while it lasts. SQLite's own checkpoint stays as the bound of the log's size.
 */
async function checkpointing(knex: Knex, queue: CommitQueue): Promise<{ stop(): Promise<void> }> {
  const connection = await knex.client.acquireConnection() as SqliteConnection
  const { query, finish } = preparedQueries(connection)
  /** Pages in the log that are not in the database yet. NOOP only looks (SQLite 3.51). */
  const waiting = async (): Promise<number> => {
    const [state] = await query('PRAGMA wal_checkpoint(NOOP)', []) as { log: number; checkpointed: number }[]
    return state.log - state.checkpointed
  }
  let seen = 0
  let moved = 0
  const look = async (): Promise<void> => {
    const { commits } = queue
    const quiet = commits === seen
    seen = commits
    if (commits === moved || (!quiet && await waiting() < longLogPages)) return
    moved = commits
    await query('PRAGMA wal_checkpoint(PASSIVE)', [])
  }
  let running: Promise<void> | undefined
  const timer = setInterval(() => { running ??= look().catch(() => undefined).finally(() => { running = undefined }) }, quietMs)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
      await finish()
      await knex.client.releaseConnection(connection)
      await knex.destroy()
    },
  }
}
/** Silence after which a burst counts as over. */
const quietMs = 500
/** 96 MiB: what a busy minute of a small organisation writes, and half a second's work to move. */
const longLogPages = 24_576
/** 256 MiB of log. */
const fallbackCheckpointPages = 65_536

const rowsOf = (dialect: Dialect, result: unknown): Row[] => (dialect.name === 'sqlite' ? result as Row[] : (result as { rows: Row[] }).rows)

function statements(dialect: Dialect, query: (sql: string, values: readonly Value[]) => Promise<unknown>): Statements {
  const all = async (sql: string, values: readonly Value[] = []): Promise<Row[]> => {
    try {
      return rowsOf(dialect, await query(sql, values))
    } catch (error) {
      throw dialect.translate(error)
    }
  }
  return {
    dialect,
    all: all as Statements['all'],
    get: (async (sql: string, values?: readonly Value[]) => (await all(sql, values))[0]) as Statements['get'],
    run: async (sql, values) => { await all(sql, values) },
  }
}

/** Reads. PostgreSQL: knex's pool. SQLite: connections that are held for good, each with its prepared statements; whoever comes first gets the first that is free. */
async function reading(knex: Knex, dialect: Dialect, count: number): Promise<Statements & { release(): Promise<void> }> {
  if (dialect.name === 'postgresql') {
    return { ...statements(dialect, async (sql, values) => knex.raw(sql, values as Knex.RawBinding[])), release: async () => undefined }
  }
  const connections: SqliteConnection[] = []
  for (let i = 0; i < count; i++) connections.push(await knex.client.acquireConnection() as SqliteConnection)
  const lanes = connections.map(preparedQueries)
  const free = lanes.map((lane) => lane.query)
  const waiting: ((lane: Query) => void)[] = []
  const query: Query = async (sql, values) => {
    const lane = free.pop() ?? await new Promise<Query>((resolve) => { waiting.push(resolve) })
    try {
      return await lane(sql, values)
    } finally {
      const next = waiting.shift()
      if (next) next(lane)
      else free.push(lane)
    }
  }
  return { ...statements(dialect, query), async release() {
    await Promise.all(lanes.map((lane) => lane.finish()))
    for (const connection of connections) await knex.client.releaseConnection(connection)
  } }
}

type Query = (sql: string, values: readonly Value[]) => Promise<unknown>

/** Statements prepared once per connection: the driver alone would parse each text anew, in three turns of the thread pool instead of one. */
function preparedQueries(connection: SqliteConnection): { query: Query; finish(): Promise<void> } {
  const known = new Map<string, SqliteStatement>()
  /** Also those that two at once prepared of the same text. */
  const open = new Set<SqliteStatement>()
  const prepare = (sql: string): Promise<SqliteStatement> => new Promise((resolve, reject) => {
    const made = connection.prepare(sql, (error) => {
      if (error) return reject(error)
      open.add(made)
      resolve(made)
    })
  })
  const query: Query = async (sql, values) => {
    let statement = known.get(sql)
    if (statement === undefined) {
      statement = await prepare(sql)
      if (known.size >= preparedAtMost) {
        const [oldest, unused] = known.entries().next().value!
        known.delete(oldest)
        open.delete(unused)
        unused.finalize(() => undefined)
      }
    } else known.delete(sql)
    known.set(sql, statement) // least recently used first
    const ready = statement
    return new Promise((resolve, reject) => { ready.all(values, (error, rows) => { if (error) reject(error); else resolve(rows) }) })
  }
  return {
    query,
    /** Must come before the connection is closed: SQLite keeps it open for as long as it has statements, and the write-ahead log unmoved. */
    async finish() {
      await Promise.all([...open].map((statement) => new Promise<void>((done) => { statement.finalize(() => done()) })))
      open.clear()
      known.clear()
    },
  }
}
const preparedAtMost = 200

/** Statements that all run on one connection, so that BEGIN ... COMMIT may go through it. A connection that broke (PostgreSQL) is replaced before the next BEGIN. */
async function single(knex: Knex, dialect: Dialect): Promise<Statements & { renew(): Promise<void>; release(): Promise<void> }> {
  let connection: unknown = await knex.client.acquireConnection()
  const prepared = dialect.name === 'sqlite' ? preparedQueries(connection as SqliteConnection) : undefined
  const inner = statements(dialect, prepared?.query ?? (async (sql, values) => knex.raw(sql, values as Knex.RawBinding[]).connection(connection)))
  return {
    ...inner,
    async release() {
      await prepared?.finish()
      await knex.client.releaseConnection(connection)
    },
    async renew() {
      if (dialect.name === 'sqlite') return
      const broken = connection as { __knex__disposed?: unknown; end?: () => Promise<void> }
      broken.__knex__disposed ??= new Error('given up')
      await knex.client.releaseConnection(broken)
      connection = await knex.client.acquireConnection()
    },
  }
}
