// Accounts as CSV (RFC 4180) with a header line. Pure. Every problem names file, line and column.
import type { WantedAccount } from '../accounts/accounts.js'
import { failure } from '../errors/codes.js'
import { octetsOf } from './numbers.js'

const known = ['address', 'password', 'hash', 'name', 'quota', 'quota_messages'] as const

/** Throws CONFIG_INVALID with all problems (at most 20). */
export function parseUsers(text: string, file: string): WantedAccount[] {
  const rows = parseCsv(text.replace(/^\ufeff/, ''))
  const problems: string[] = []
  const header = rows[0]?.cells.map((cell) => cell.trim().toLowerCase()) ?? []
  for (const [i, name] of header.entries()) if (!known.includes(name as never)) problems.push(`${file}:1: column ${i + 1}: found "${name}"; accepted: ${known.join(', ')}`)
  if (!header.includes('address')) problems.push(`${file}:1: there is no column "address"`)
  const users: WantedAccount[] = []
  for (const { line, cells } of rows.slice(1)) {
    if (cells.length === 1 && cells[0].trim() === '') continue
    if (cells.length > header.length) problems.push(`${file}:${line}: found ${cells.length} values; the header has ${header.length}`)
    const value = (name: (typeof known)[number]): string | undefined => {
      const cell = header.includes(name) ? cells[header.indexOf(name)] : undefined
      return cell === undefined || cell === '' ? undefined : cell
    }
    const number = (name: 'quota' | 'quota_messages'): number | undefined => {
      const cell = value(name)
      try {
        return cell === undefined ? undefined : octetsOf(cell)
      } catch {
        problems.push(`${file}:${line}: ${name}: found "${cell}"; accepted: 0, 1000, 500MB, 2GiB`)
        return undefined
      }
    }
    const address = value('address')?.trim()
    if (!address) {
      problems.push(`${file}:${line}: there is no address`)
      continue
    }
    if (value('password') !== undefined && value('hash') !== undefined) problems.push(`${file}:${line}: both a password and a hash; accepted: one of them`)
    const [password, hash, displayName, quotaOctets, quotaMessages] = [value('password'), value('hash'), value('name'), number('quota'), number('quota_messages')]
    users.push({
      address, ...(password === undefined ? {} : { password }), ...(hash === undefined ? {} : { hash }), ...(displayName === undefined ? {} : { displayName }),
      ...(quotaOctets === undefined ? {} : { quotaOctets }), ...(quotaMessages === undefined ? {} : { quotaMessages }),
    })
  }
  if (problems.length > 0) throw failure('CONFIG_INVALID', { report: problems.slice(0, 20).join('\n') })
  return users
}

function parseCsv(text: string): { line: number; cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = []
  let cells: string[] = []
  let cell = ''
  let quoted = false
  let line = 1
  let begun = 1
  const endRow = (): void => {
    rows.push({ line: begun, cells: [...cells, cell] })
    cells = []
    cell = ''
    begun = line
  }
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '\n') line++
    if (quoted) {
      if (c !== '"') cell += c
      else if (text[i + 1] === '"') cell += text[++i]
      else quoted = false
    } else if (c === '"' && cell === '') quoted = true
    else if (c === ',') {
      cells.push(cell)
      cell = ''
    } else if (c === '\n') endRow()
    else if (c !== '\r') cell += c
  }
  if (cell !== '' || cells.length > 0) endRow()
  return rows
}
