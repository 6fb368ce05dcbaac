// PDUs for people: which protocol could it be, and what does it say. For `restante decode` and for tests. Pure.
import { isUtf8 } from 'node:buffer'
import { Framer, FramingBroken } from './der/framer.js'
import { Malformed } from './der/reader.js'
import { decode, encode, type Type } from './der/types.js'
import { msoap } from './pdu/msoap.js'
import { msrap } from './pdu/msrap.js'
import { rnaqp } from './pdu/rnaqp.js'
import { rnasp } from './pdu/rnasp.js'

export const protocols = { msoap, msrap, rnasp, rnaqp } as const
export type ProtocolName = keyof typeof protocols
export const protocolNames = Object.keys(protocols) as ProtocolName[]

export interface Reading {
  readonly protocol: ProtocolName
  readonly kind: 'command' | 'response'
  /** Which command, or which response. */
  readonly name: string
  /** Responses only. */
  readonly abort?: boolean
  readonly status?: string | number
  readonly fields: unknown
}
export type Read = { readonly readings: readonly Reading[] } | { readonly malformed: string }

/** Several PDUs in a row, if each has its length in front; else the octets are one PDU. */
export function pdusOf(octets: Buffer): Buffer[] {
  const framer = new Framer(octets.length)
  const pdus: Buffer[] = []
  try {
    framer.push(octets)
    for (let pdu = framer.next(); pdu; pdu = framer.next()) pdus.push(pdu)
    if (!framer.begun && pdus.length > 0) return pdus
  } catch (error) {
    if (!(error instanceof FramingBroken)) throw error
  }
  return [octets]
}

/** What a PDU says in each protocol that it fits, those only that know all its elements if there are any; or why it fits none. */
export function read(pdu: Buffer, among: readonly ProtocolName[] = protocolNames): Read {
  const readings: (Reading & { readonly whole: boolean })[] = []
  let malformed = ''
  for (const protocol of among) {
    try {
      const type = protocols[protocol].pdu as Type<any>
      const { kind, value } = decode(type, pdu)
      const whole = encode(type, { kind, value }).length === pdu.length
      readings.push(kind === 'command'
        ? { whole, protocol, kind, name: value.commanddata.kind, fields: value.commanddata.value }
        : { whole, protocol, kind, name: value.responsedata.kind, abort: value.forceabort, status: value.status, fields: value.responsedata.value })
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      malformed = error.message
    }
  }
  if (readings.length === 0) return { malformed }
  const known = readings.some((one) => one.whole)
  return { readings: readings.filter((one) => one.whole || !known).map(({ whole: _, ...reading }) => reading) }
}

/** Lines of text, two blanks deeper for each level. */
export function describe(reading: Reading): string {
  const head = reading.kind === 'command' ? `${reading.protocol} command ${reading.name}` : `${reading.protocol} response ${reading.name}: ${reading.abort ? 'abort, ' : ''}${reading.status}`
  return [head, ...lines(reading.fields, 1)].join('\n')
}

function lines(value: unknown, depth: number): string[] {
  const indent = '  '.repeat(depth)
  return Object.entries(value as object).flatMap(([name, one]) => {
    const short = inline(one)
    if (short !== undefined) return [`${indent}${name}: ${short}`]
    if (!Array.isArray(one)) return [`${indent}${name}:`, ...lines(isChoice(one) ? { [one.kind]: one.value } : one, depth + 1)]
    return [`${indent}${name}:`, ...one.flatMap((element: unknown) => {
      const item = inline(element)
      return item === undefined ? [`${indent}  -`, ...lines(element, depth + 2)] : [`${indent}  - ${item}`]
    })]
  })
}

/** What fits in the line of its name; undefined for what does not. */
function inline(value: unknown): string | undefined {
  if (Buffer.isBuffer(value)) return octetsOf(value)
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.every((one) => typeof one === 'string') ? value.map(visible).join('.') : undefined
  if (typeof value === 'string') return visible(value)
  if (typeof value === 'object' && value !== null) {
    if (isChoice(value)) {
      const of = value.kind === 'version4' ? (value.value as Buffer).join('.') : inline(value.value)
      return of === undefined ? undefined : value.kind.startsWith('version') ? of : `${value.kind} ${of}`
    }
    const { localpart, domain, ...rest } = value as { localpart?: string; domain?: string[] }
    return localpart !== undefined && domain !== undefined && Object.keys(rest).length === 0 ? `${visible(localpart)}@${domain.map(visible).join('.')}` : undefined
  }
  return String(value)
}

const isChoice = (value: unknown): value is { kind: string; value: unknown } => typeof value === 'object' && value !== null && 'kind' in value && 'value' in value

/** Text that is text in quotes, other octets as hex; long ones cut. */
function octetsOf(octets: Buffer): string {
  const cut = octets.subarray(0, 200)
  const more = octets.length > cut.length ? ` … (${octets.length} octets)` : ''
  return octets.length > 0 && isUtf8(octets) && !/[\0-\x08\x0e-\x1f]/.test(octets.toString()) ? `${JSON.stringify(cut.toString())}${more}` : `${cut.toString('hex')}${octets.length === 0 ? 'no octets' : more}`
}

/** What a peer wrote must not move the cursor or turn the line round (H20). */
const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`)
