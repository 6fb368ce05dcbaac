// A moment as a person's clock and calendar show it.
import { days, type Day } from './language/rule.js'

export interface LocalTime { readonly minutes: number; readonly day: Day; /** 'YYYY-MM-DD'. */ readonly date: string; readonly shown: string }

const formats = new Map<string, Intl.DateTimeFormat>()

/** Throws RangeError for a zone that is none. */
export function localTime(at: number, zone: string): LocalTime {
  let format = formats.get(zone)
  if (!format) formats.set(zone, (format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })))
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
  const date = `${parts.year}-${parts.month}-${parts.day}`
  return { minutes: Number(parts.hour) * 60 + Number(parts.minute), date, day: days[new Date(`${date}T00:00:00Z`).getUTCDay()], shown: `${parts.hour}:${parts.minute}` }
}
