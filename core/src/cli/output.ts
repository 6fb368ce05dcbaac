// How commands answer: text for people, one JSON value with --json; exit codes; errors in one line.
import { isFailure } from '../errors/codes.js'
import { RestanteError } from '../errors/define.js'

/** Documented in docs/command-line.md. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unavailable: 5 } as const

export function exitCodeOf(error: unknown): number {
  if (isFailure(error, 'CONFIG_INVALID')) return exitCodes.usage
  if (error instanceof RestanteError) {
    if (/_NOT_FOUND$/.test(error.code)) return exitCodes.notFound
    if (error.kind === 'temporary' || error.code === 'DATA_FOLDER_LOCKED') return exitCodes.unavailable
    return exitCodes.refused
  }
  return exitCodes.failed
}

/** A table with a header line, columns as wide as they must be. */
export function table(rows: readonly Readonly<Record<string, string | number | boolean | null>>[], columns: readonly string[]): string {
  const cells = rows.map((row) => columns.map((column) => shown(row[column])))
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((row) => row[i].length)))
  return [columns.map((column) => column.toUpperCase()), ...cells].map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join('  ').trimEnd()).join('\n')
}
const shown = (value: string | number | boolean | null | undefined): string => (value === null || value === undefined ? '-' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value))

/** 123456 → '120.6 KiB'. */
export function size(octets: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let n = octets
  let i = 0
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024
    i++
  }
  return i === 0 ? `${n} B` : `${n.toFixed(1)} ${units[i]}`
}

export const date = (at: number | null): string => (at === null ? '-' : new Date(at).toISOString().slice(0, 19).replace('T', ' '))

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}
