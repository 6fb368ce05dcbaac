// A user's vacation: when it holds, and whom it tells. Pure.

export interface Vacation {
  readonly on: boolean
  /** '': 'Auto: ' and the subject that is answered (RFC 5230 4.3). */
  readonly subject: string
  readonly text: string
  readonly html?: string
  /** Milliseconds UTC; the first that is in, and the first that is out. */
  readonly from?: number
  readonly until?: number
  /** Between two replies to one sender; 0: every message is answered. */
  readonly days: number
  /** Which senders are told: all, only these, all but these. Entries are addresses; '*' stands for any text. */
  readonly who: 'all' | 'only' | 'except'
  readonly senders: readonly string[]
  /** Also answer what does not name the user in To or Cc. */
  readonly unnamed: boolean
  /** Only when a filter rule says `send vacation`. */
  readonly byRule: boolean
}

export const holdsAt = (vacation: Vacation, at: number): boolean => vacation.on && (vacation.from === undefined || at >= vacation.from) && (vacation.until === undefined || at < vacation.until)

export function tells({ who, senders }: Vacation, sender: string): boolean {
  if (who === 'all') return true
  const address = sender.toLowerCase()
  return senders.some((entry) => like(address, entry.toLowerCase())) === (who === 'only')
}

/** '*' stands for any characters. Linear: the pieces between asterisks are looked for from left to right. */
function like(text: string, pattern: string): boolean {
  const [head, ...rest] = pattern.split('*')
  if (rest.length === 0) return text === head
  if (!text.startsWith(head)) return false
  let at = head.length
  const last = rest.pop()!
  for (const piece of rest) {
    const found = text.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

/** The moment at which a day ('YYYY-MM-DD') begins in a time zone; undefined for what is no day. */
export function dayBegins(day: string, timeZone: string): number | undefined {
  const utc = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN
  if (Number.isNaN(utc) || new Date(utc).toISOString().slice(0, 10) !== day) return undefined
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const shownAt = (at: number): number => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute)
  }
  // Twice: the offset at the guess may not be the offset at midnight.
  let at = utc
  for (let i = 0; i < 2; i++) at -= shownAt(at) - utc
  return at
}
