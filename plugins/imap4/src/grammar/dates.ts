// Dates as RFC 3501 writes them. Pure.
import { BadCommand, type Reader } from '../wire/reader.js'

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
export const dayMs = 86_400_000

/** `"17-Jul-1996 02:44:25 -0700"` → milliseconds UTC. */
export function dateTime(r: Reader): number {
  const text = r.string('a date and time')
  const m = /^([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text)
  if (!m) throw new BadCommand(`Not a date and time: ${JSON.stringify(text.slice(0, 40))}`)
  const day = dayNumber(Number(m[1]), m[2], Number(m[3]))
  const [hour, minute, second, zoneHour, zoneMinute] = [m[4], m[5], m[6], m[8], m[9]].map(Number)
  if (day === undefined || hour > 23 || minute > 59 || second > 60 || zoneMinute > 59) throw new BadCommand(`No such date and time: ${JSON.stringify(text)}`)
  return day * dayMs + (hour * 3600 + minute * 60 + second) * 1000 - (m[7] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute) * 60_000
}

/** `17-Jul-1996`, quoted or not → days since 1970-01-01. */
export function date(r: Reader): number {
  const text = r.peek() === '"' ? r.string() : r.atom()
  const m = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(text)
  const day = m ? dayNumber(Number(m[1]), m[2], Number(m[3])) : undefined
  if (day === undefined) throw new BadCommand(`Not a date: ${JSON.stringify(text.slice(0, 40))}`)
  return day
}

/** Days since 1970-01-01, or undefined when there is no such day. */
export function dayNumber(day: number, month: string, year: number): number | undefined {
  const m = months.indexOf(month.charAt(0).toUpperCase() + month.slice(1).toLowerCase())
  if (m < 0 || day < 1) return undefined
  const at = new Date(0)
  at.setUTCFullYear(year, m, day)
  return at.getUTCDate() === day ? Math.floor(at.getTime() / dayMs) : undefined
}

let lastDay = Number.NaN
let lastDayText = ''
const two = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'))

/** INTERNALDATE, with its quotes. Mailboxes are asked for thousands in date order, so the day is remembered. */
export function internalDate(ms: number): string {
  const day = Math.floor(ms / dayMs)
  if (day !== lastDay) {
    const at = new Date(day * dayMs)
    lastDayText = `"${String(at.getUTCDate()).padStart(2, ' ')}-${months[at.getUTCMonth()]}-${String(at.getUTCFullYear()).padStart(4, '0')} `
    lastDay = day
  }
  const seconds = Math.floor((ms - day * dayMs) / 1000)
  return `${lastDayText}${two[Math.floor(seconds / 3600)]}:${two[Math.floor(seconds / 60) % 60]}:${two[seconds % 60]} +0000"`
}
