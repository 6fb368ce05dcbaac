// Every difference between SQLite and PostgreSQL, in one place. No domain SQL.
//
// Sets travel as one JSON value bound to one placeholder (`oneOf`, `rows`), so a statement's text does not depend on how
// many rows it writes, and a delivery to a thousand recipients is still a handful of statements.
import { failure } from '../errors/codes.js'
import type { Value } from './connect.js'

/** Type of a column of a bound row set. 'bytes' travel as hex. */
export type ColumnType = 'int' | 'text' | 'bytes'

export interface Dialect {
  readonly name: 'sqlite' | 'postgresql'
  /** Column types for migrations. `id`: integer primary key that the program assigns. */
  readonly types: { readonly id: string; readonly int: string; readonly text: string; readonly bytes: string }
  /** What stands behind a CREATE TABLE's closing parenthesis when rows should lie in primary key order. */
  readonly clustered: string
  /** `column` is one of a list of numbers bound (by `list`) to the one `?` in the result. */
  oneOf(column: string): string
  /** Likewise for strings; never with an empty list. */
  oneOfText(column: string): string
  list(values: readonly (number | string)[]): Value
  /** A row set bound (by `rowsValue`) to the one `?` in the result, to stand in a FROM clause: `FROM ${rows({ uid: 'int' })} AS r`. */
  rows(columns: Readonly<Record<string, ColumnType>>): string
  rowsValue(rows: readonly (readonly (number | string | Buffer | null)[])[]): Value
  /** An aggregate: all values of a column, in row order, as one JSON array. */
  gather(column: string): string
  /** Begins a transaction that writes. */
  readonly begin: string
  /** Turns a driver's error into one of ours where it means something (disk full, database gone); else gives it back. */
  translate(error: unknown): unknown
}

/**
 * PostgreSQL's jsonb can hold neither NUL nor half a surrogate pair; no text of ours means anything by them. The escapes are only a
 * sign to look closer: a text may say \u0000 itself.
 */
const json = (value: unknown): string => {
  const text = JSON.stringify(value)
  return /\\u(?:0000|d[89a-f])/.test(text) ? JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? part.toWellFormed().replaceAll('\0', '') : part)) : text
}

/** Octets as hex: JSON.stringify would write a number for each. */
const plain = (rows: readonly (readonly (number | string | Buffer | null)[])[]): string =>
  json(rows.map((row) => (row.some(Buffer.isBuffer) ? row.map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)) : row)))

export const sqlite: Dialect = {
  name: 'sqlite',
  types: { id: 'INTEGER PRIMARY KEY', int: 'INTEGER', text: 'TEXT', bytes: 'BLOB' },
  clustered: ' WITHOUT ROWID',
  oneOf: (column) => `${column} IN (SELECT value FROM json_each(?))`,
  oneOfText: (column) => `${column} IN (SELECT value FROM json_each(?))`,
  list: (values) => JSON.stringify(values),
  rows(columns) {
    const parts = Object.entries(columns).map(([name, type], i) => (type === 'bytes' ? `unhex(value->>${i}) AS ${name}` : `value->>${i} AS ${name}`))
    return `(SELECT ${parts.join(', ')} FROM json_each(?))`
  },
  rowsValue: plain,
  gather: (column) => `json_group_array(${column})`,
  begin: 'BEGIN IMMEDIATE',
  translate(error) {
    const code = (error as { code?: unknown } | null)?.code
    if (code === 'SQLITE_FULL') return failure('NO_ROOM', {}, error)
    if (code === 'SQLITE_IOERR' || code === 'SQLITE_CORRUPT' || code === 'SQLITE_CANTOPEN' || code === 'SQLITE_READONLY' || code === 'SQLITE_NOTADB')
      return failure('DATABASE_FAILED', { why: (error as Error).message }, error)
    return error
  },
}

export const postgresql: Dialect = {
  name: 'postgresql',
  types: { id: 'BIGINT PRIMARY KEY', int: 'BIGINT', text: 'TEXT', bytes: 'BYTEA' },
  clustered: '',
  oneOf: (column) => `${column} = ANY(?::bigint[])`,
  oneOfText: (column) => `${column} IN (SELECT jsonb_array_elements_text(?::jsonb))`,
  list: (values) => (typeof values[0] === 'string' ? json(values) : `{${values.join(',')}}`),
  rows(columns) {
    const parts = Object.entries(columns).map(([name, type], i) =>
      type === 'bytes' ? `decode(value->>${i}, 'hex') AS ${name}` : type === 'int' ? `(value->>${i})::bigint AS ${name}` : `value->>${i} AS ${name}`)
    return `(SELECT ${parts.join(', ')} FROM jsonb_array_elements(?::jsonb))`
  },
  rowsValue: plain,
  gather: (column) => `json_agg(${column})`,
  begin: 'BEGIN',
  translate(error) {
    const code = (error as { code?: unknown } | null)?.code
    if (code === '53100') return failure('NO_ROOM', {}, error)
    if (typeof code === 'string' && (/^(08|57P|53)/.test(code) || code === 'ECONNREFUSED' || code === 'ECONNRESET'))
      return failure('DATABASE_FAILED', { why: (error as Error).message }, error)
    return error
  },
}
