// Accounts as CSV (RFC 4180) with a header line. Pure. Every problem names file, line and column.
import type { WantedAccount } from '../accounts/accounts.js'
import { parseCredentials } from '../accounts/credentials.js'
import { formatAddress, parseAddress } from '../accounts/names.js'
import { failure } from '../errors/codes.js'
import { octetsOf } from './numbers.js'

const known = ['address', 'password', 'hash', 'name', 'quota', 'quota_messages'] as const
type Column = (typeof known)[number]

/** Where it begins: lines and columns count from 1, columns in characters. */
interface Cell { readonly text: string; readonly line: number; readonly column: number }

/** On one line, and not too much of it. */
const shown = (text: string): string => JSON.stringify(text.slice(0, 80))

/** Throws CONFIG_INVALID with all problems (at most 20). */
export function parseUsers(text: string, file: string): WantedAccount[] {
  const problems: string[] = []
  const problem = ({ line, column }: { line: number; column: number }, what: string): void => { problems.push(`${file}:${line}:${column}: ${what}`) }
  const [header = [], ...rows] = parseCsv(text.replace(/^\ufeff/, ''), problem)
  const names = header.map((cell) => cell.text.trim().toLowerCase())
  for (const [i, cell] of header.entries()) {
    if (!known.includes(names[i] as Column)) problem(cell, `found column ${shown(names[i])}; accepted: ${known.join(', ')}`)
    else if (names.indexOf(names[i]) < i) problem(cell, `the column "${names[i]}" stands twice`)
  }
  if (!names.includes('address')) problem({ line: 1, column: 1 }, 'there is no column "address"')
  /** Addresses, and where they stand. */
  const seen = new Map<string, Cell>()
  const users: WantedAccount[] = []
  for (const cells of rows) {
    if (cells.length === 1 && cells[0].text.trim() === '') continue
    if (cells.length > header.length) problem(cells[header.length], `found ${cells.length} values; the header has ${header.length}`)
    const cell = (name: Column): Cell | undefined => {
      const found = names.includes(name) ? cells[names.indexOf(name)] : undefined
      return found?.text === '' ? undefined : found
    }
    const number = (name: 'quota' | 'quota_messages'): number | undefined => {
      const found = cell(name)
      try {
        return found && octetsOf(found.text)
      } catch {
        problem(found!, `${name}: found ${shown(found!.text)}; accepted: 0, 1000, 500MB, 2GiB`)
        return undefined
      }
    }
    const [address, password, hash, displayName, quotaOctets, quotaMessages] = [cell('address'), cell('password'), cell('hash'), cell('name'), number('quota'), number('quota_messages')]
    if (!address?.text.trim()) {
      problem(cells[0], 'there is no address')
      continue
    }
    try {
      const folded = formatAddress(parseAddress(address.text.trim()))
      const first = seen.get(folded)
      if (first) problem(address, `${folded} stands in line ${first.line} already`)
      else seen.set(folded, address)
    } catch {
      problem(address, `found ${shown(address.text)}; accepted: an address, for example anna@example.org`)
    }
    if (password && hash) problem(hash, 'both a password and a hash; accepted: one of them')
    else if (hash && !parseCredentials(hash.text)) problem(hash, 'not a hash of a known form; accepted: SCRAM-SHA-256$iterations:salt$stored:server')
    users.push({
      address: address.text.trim(), ...(password ? { password: password.text } : {}), ...(hash ? { hash: hash.text } : {}), ...(displayName ? { displayName: displayName.text } : {}),
      ...(quotaOctets === undefined ? {} : { quotaOctets }), ...(quotaMessages === undefined ? {} : { quotaMessages }),
    })
  }
  if (problems.length > 0) throw failure('CONFIG_INVALID', { report: [...problems.slice(0, 20), ...(problems.length > 20 ? [`and ${problems.length - 20} more`] : [])].join('\n') })
  return users
}

function parseCsv(text: string, problem: (at: Cell, what: string) => void): Cell[][] {
  const rows: Cell[][] = []
  let cells: Cell[] = []
  let line = 1
  let lineStart = 0
  let begun = { text: '', line: 1, column: 1 }
  let value = ''
  let state: 'begin' | 'plain' | 'quoted' | 'closed' = 'begin'
  const endCell = (next: number): void => {
    cells.push({ ...begun, text: value })
    value = ''
    state = 'begin'
    begun = { text: '', line, column: next - lineStart + 1 }
  }
  let i = 0
  for (; i < text.length; i++) {
    const c = text[i]
    if (c === '\n') {
      line++
      lineStart = i + 1
    }
    if (state === 'quoted') {
      if (c !== '"') value += c
      else if (text[i + 1] === '"') value += text[++i]
      else state = 'closed'
    } else if (c === ',') endCell(i + 1)
    else if (c === '\n') {
      endCell(i + 1)
      rows.push(cells)
      cells = []
    } else if (c === '\r' && text[i + 1] === '\n') continue
    else if (state === 'closed') {
      problem({ text: '', line, column: i - lineStart + 1 }, 'found text behind a closing quote; accepted: a comma, or "" for a quote')
      state = 'plain'
    } else if (c === '"' && state === 'begin') state = 'quoted'
    else {
      value += c
      state = 'plain'
    }
  }
  if (state === 'quoted') problem(begun, 'the quote that begins here is not closed')
  if (state !== 'begin' || cells.length > 0) {
    endCell(i)
    rows.push(cells)
  }
  return rows
}
