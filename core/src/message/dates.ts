// Dates of header fields (RFC 5322 3.3 and 4.3, and what else is found there). Pure; nothing here knows today.
import type { OctetString } from './summary.js'

export interface HeaderDate {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly utc: number
  /** The day as written, without regard to time and zone (RFC 3501 6.4.4 SENTBEFORE, SENTON, SENTSINCE), as days since 1970-01-01. */
  readonly day: number
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
/** RFC 5322 4.3. Single letters are military zones that were defined wrongly: they count as -0000, like unknown names. */
const zones: ReadonlyMap<string, number> = new Map(Object.entries({ ut: 0, utc: 0, gmt: 0, est: -300, edt: -240, cst: -360, cdt: -300, mst: -420, mdt: -360, pst: -480, pdt: -420, cet: 60, cest: 120, met: 60, mest: 120, bst: 60, jst: 540, msk: 180 }))
const dayMs = 86_400_000
/** A date has 31 octets; comments and folding may follow. */
const longest = 500

const time = String.raw`(\d{1,2})\s?[:.]\s?(\d{1,2})(?:\s?[:.]\s?(\d{1,2})(?:[.,]\d+)?)?\s?([ap]m\b)?`
const zone = String.raw`\s{0,20}(?:"?([a-z]{1,5})?([+-]\d{1,2}:?\d{2})?)`
const usual = new RegExp(String.raw`(?<!\d)(\d{1,2})[\s.,-]{1,20}([a-z]{3})[a-z]{0,6}[\s.,-]{1,20}(\d{2,4})(?!\d)(?:[\s,]{1,20}${time}${zone})?`, 'i')
const asctime = new RegExp(String.raw`\b([a-z]{3})[a-z]{0,6}[\s.]{1,20}(\d{1,2}),?\s{1,20}(?:${time}${zone}\s{1,20})?(\d{4})(?!\d)`, 'i')
const iso = new RegExp(String.raw`(?<!\d)(\d{4})-(\d{2})-(\d{2})(?:[t\s]\s{0,5}${time}${zone})?`, 'i')

/** Reads a Date field's value. null when no date can be made of it. */
export function parseDate(value: OctetString): HeaderDate | null {
  const text = withoutComments(value.slice(0, longest)).replace(/\s+/g, ' ')
  let match = usual.exec(text)
  if (match) {
    const date = make(match[3], monthOf(match[2]), match[1], match.slice(4))
    if (date) return date
  }
  match = iso.exec(text)
  if (match) return make(match[1], Number(match[2]) - 1, match[3], match.slice(4))
  match = asctime.exec(text)
  return match && make(match[9], monthOf(match[1]), match[2], match.slice(3, 9))
}

/** Milliseconds UTC of a Date field, or null. */
export const parseDateUtc = (value: OctetString): number | null => parseDate(value)?.utc ?? null

function make(yearText: string, month: number, dayText: string, rest: readonly (string | undefined)[]): HeaderDate | null {
  const [hourText = '0', minuteText = '0', secondText = '0', half, zoneName, offset] = rest
  let year = Number(yearText)
  // RFC 5322 4.3: two digits up to 49 are 20xx, others and three digits count from 1900.
  if (yearText.length === 2) year += year < 50 ? 2000 : 1900
  else if (yearText.length === 3) year += 1900
  const day = Number(dayText)
  let hour = Number(hourText)
  const minute = Number(minuteText)
  const second = Number(secondText)
  if (half) hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  if (month < 0 || month > 11 || day < 1 || day > 31 || year < 1 || hour > 24 || minute > 59 || second > 60) return null
  const midnight = Date.UTC(2000, month, day) // years below 100 would become 19xx: set apart
  const date = new Date(midnight)
  date.setUTCFullYear(year, month, day)
  if (date.getUTCMonth() !== month) return null // 31 June
  const utc = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 - zoneMinutes(zoneName, offset) * 60_000
  return { utc, day: Math.floor(date.getTime() / dayMs) }
}

function zoneMinutes(name: string | undefined, offset: string | undefined): number {
  if (offset) {
    const digits = offset.slice(1).replace(':', '').padStart(4, '0')
    const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
    return minutes > 24 * 60 ? 0 : offset.startsWith('-') ? -minutes : minutes
  }
  return (name && zones.get(name.toLowerCase())) || 0
}

const monthOf = (name: string): number => months.indexOf(name.toLowerCase())

function withoutComments(text: string): string {
  if (!text.includes('(')) return text
  let plain = ''
  let depth = 0
  for (const character of text) {
    if (character === '(') depth++
    else if (character === ')') depth = Math.max(0, depth - 1)
    else if (depth === 0) plain += character
  }
  return plain
}

const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number): string => String(n).padStart(2, '0')

/** RFC 5322 date-time in UTC. */
export function formatDate(at: number): string {
  const d = new Date(at)
  return `${dayNames[d.getUTCDay()]}, ${d.getUTCDate()} ${monthNames[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}
