// Numbers that people type: '2GiB', '500MB', '1000'.
import { failure } from '../errors/codes.js'

const units: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 1000, mb: 1000 ** 2, gb: 1000 ** 3, tb: 1000 ** 4, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4 }

/** Below 2^53. Throws NOT_PERMITTED with what was found. */
export function octetsOf(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const unit = match && Object.hasOwn(units, match[2].toLowerCase()) ? units[match[2].toLowerCase()] : NaN
  const octets = Math.round(Number(match?.[1]) * unit)
  if (!Number.isSafeInteger(octets)) throw failure('NOT_PERMITTED', { what: `"${text.slice(0, 40)}" as a number; accepted: 0, 1000, 500MB, 2GiB` })
  return octets
}

const times: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, min: 60, h: 3600, d: 86_400 }

/** '90d', '12h', '30min', '3600': whole seconds. Throws NOT_PERMITTED with what was found. */
export function secondsOf(text: string): number {
  const match = /^(\d{1,12})(s|m|min|h|d)?$/.exec(text.trim())
  if (!match) throw failure('NOT_PERMITTED', { what: `"${text.slice(0, 40)}" as a time; accepted: 3600, 30min, 12h, 90d` })
  return Number(match[1]) * times[match[2] ?? '']
}
