// The combinators: a declaration is data; its type, its reader and its writer follow from it. As strict as X.690 asks of
// DER; unknown elements of a SEQUENCE are passed over, unknown alternatives of a CHOICE are not (im2000.md A.1, B41).
//
// Integers of ASN.1 (`uint`) are bigint, 0..2^63-1, so that what came in can go out again unchanged; `port` and the like,
// whose range is small, are numbers. Octets that were read are views of the frame: who keeps them keeps the frame.
import { isUtf8 } from 'node:buffer'
import { constructed, Malformed, Reader } from './reader.js'
import { Writer } from './writer.js'

/** One type of a module. `read` takes all contents from `reader.at` to `end`; `write` writes them (backwards). */
export interface Type<T> {
  /** Identifier octet of its own; undefined for a CHOICE, whose alternatives have theirs. */
  readonly tag: number | undefined
  /** Another identifier octet under which it is read too. */
  readonly alsoTag?: number
  read(reader: Reader, end: number): T
  write(writer: Writer, value: T): void
}
export type Static<D> = D extends Type<infer T> ? T : never

/** A type under a context tag, in a SEQUENCE or a CHOICE. */
export interface Field<T, Optional extends boolean = boolean> {
  readonly tag: number
  readonly alsoTag: number | undefined
  readonly optional: Optional
  readonly type: Type<T>
  /** Contents of any other length are somebody else's element, to be passed over. */
  readonly exactly?: number
}

const contextClass = 0x80
const anyForm = ~constructed

/** Context tag `number` in place of the type's own; in front of it for a CHOICE, which has none (im2000.md Q2). */
export const ctx = <T>(number: number, type: Type<T>, options: { readonly alsoReads?: number } = {}): Field<T, false> => field(number, type, options.alsoReads, false)
/** The same, and it may be missing. */
export const opt = <T>(number: number, type: Type<T>): Field<T, true> => field(number, type, undefined, true)

/** An element beyond the module, optional, known by its tag and its length together: others may use the number too. */
export const extension = <T>(number: number, length: number, type: Type<T>): Field<T, true> => ({ ...field(number, type, undefined, true), exactly: length })

function field<T, O extends boolean>(number: number, type: Type<T>, alsoReads: number | undefined, optional: O): Field<T, O> {
  const form = contextClass | (type.tag === undefined ? constructed : type.tag & constructed)
  return { tag: form | number, alsoTag: alsoReads === undefined ? undefined : form | alsoReads, optional, type }
}

const readField = <T>({ type }: Field<T>, reader: Reader, end: number): T => {
  reader.enter()
  const value = type.read(reader, end)
  reader.leave()
  return value
}

type Simplify<T> = { [K in keyof T]: T[K] }
type OptionalKeys<F> = { [K in keyof F]: F[K] extends Field<any, true> ? K : never }[keyof F]
type ValueOf<F> = F extends Field<infer T> ? T : never
export type SeqValue<F> = Simplify<{ readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & { readonly [K in OptionalKeys<F>]?: ValueOf<F[K]> }>

/** SEQUENCE: known fields in module order, each once; unknown elements anywhere are passed over. */
export function seq<F extends Record<string, Field<any>>>(fields: F): Type<SeqValue<F>> {
  const list = Object.entries(fields).map(([name, one]) => ({ name, ...one }))
  const is = (one: Field<any>, tag: number): boolean => one.tag === tag || one.alsoTag === tag
  const known = (tag: number): boolean => list.some((one) => one.exactly === undefined && ((one.tag & anyForm) === (tag & anyForm) || (one.alsoTag !== undefined && (one.alsoTag & anyForm) === (tag & anyForm))))
  return {
    tag: 0x30,
    read(reader, end) {
      const value: Record<string, unknown> = {}
      let next = 0
      while (reader.at < end) {
        const start = reader.at
        const contentsEnd = reader.open(end)
        let i = next
        while (i < list.length && !is(list[i], reader.tag) && list[i].optional) i++
        if (i < list.length && is(list[i], reader.tag) && (list[i].exactly ?? contentsEnd - reader.at) === contentsEnd - reader.at) {
          value[list[i].name] = readField(list[i], reader, contentsEnd)
          next = i + 1
        } else if (known(reader.tag)) throw new Malformed('an element out of order, twice, or in the wrong form', start)
        else reader.at = contentsEnd
      }
      for (; next < list.length; next++) if (!list[next].optional) throw new Malformed(`${list[next].name} is missing`, end)
      return value as SeqValue<F>
    },
    write(writer, value) {
      for (let i = list.length - 1; i >= 0; i--) {
        const { name, tag, optional, type } = list[i]
        const one = (value as Record<string, unknown>)[name]
        if (one === undefined && optional) continue
        const before = writer.size
        type.write(writer, one)
        writer.head(tag, before)
      }
    },
  }
}

/** SEQUENCE OF. @param most elements at most, more are malformed. */
export function seqOf<T>(type: Type<T>, most = Infinity): Type<readonly T[]> {
  const { tag, alsoTag } = type
  if (tag === undefined) throw new Error('a SEQUENCE OF CHOICE stands in none of the modules')
  return {
    tag: 0x30,
    read(reader, end) {
      const values: T[] = []
      reader.enter()
      while (reader.at < end) {
        const start = reader.at
        const contentsEnd = reader.open(end)
        if (reader.tag !== tag && reader.tag !== alsoTag) throw new Malformed('an element of another type in a list', start)
        if (values.length === most) throw new Malformed(`more than ${most} elements in a list`, start)
        values.push(type.read(reader, contentsEnd))
      }
      reader.leave()
      return values
    },
    write(writer, values) {
      for (let i = values.length - 1; i >= 0; i--) {
        const before = writer.size
        type.write(writer, values[i])
        writer.head(tag, before)
      }
    },
  }
}

type Alternatives = Record<string, Field<any, false>>
export type ChoiceValue<A> = { [K in keyof A]: { readonly kind: K; readonly value: ValueOf<A[K]> } }[keyof A]

/** CHOICE, as { kind, value }. Nothing may stand beside the alternative. */
export function choice<A extends Alternatives>(alternatives: A): Type<ChoiceValue<A>> {
  const byTag = new Map(Object.entries(alternatives).map(([kind, one]) => [one.tag, { kind, one }]))
  return {
    tag: undefined,
    read(reader, end) {
      const start = reader.at
      const contentsEnd = reader.open(end)
      const found = byTag.get(reader.tag)
      if (!found) throw new Malformed('an unknown alternative', start)
      if (contentsEnd !== end) throw new Malformed('octets behind an alternative', contentsEnd)
      return { kind: found.kind, value: readField(found.one, reader, end) } as ChoiceValue<A>
    },
    write(writer, { kind, value }) {
      const { tag, type } = alternatives[kind as string]
      const before = writer.size
      type.write(writer, value)
      writer.head(tag, before)
    },
  }
}

/** BOOLEAN: FF or 00 (X.690 11.1). */
export const bool: Type<boolean> = {
  tag: 0x01,
  read(reader, end) {
    const value = reader.octets[reader.at]
    if (end - reader.at !== 1 || (value !== 0xff && value !== 0)) throw new Malformed('a BOOLEAN that is neither FF nor 00 (X.690 11.1)', reader.at)
    reader.at = end
    return value === 0xff
  },
  write(writer, value) {
    writer.octet(value ? 0xff : 0)
  },
}

/** INTEGER (0..MAX), in the fewest octets (X.690 8.3.2). Ours ends at 2^63-1. */
export const uint: Type<bigint> = {
  tag: 0x02,
  read(reader, end) {
    const count = wholeNumber(reader, end, 8)
    const { octets, at } = reader
    reader.at = end
    if (count <= 6) return BigInt(octets.readUIntBE(at, count))
    let value = 0n
    for (let i = at; i < end; i++) value = value << 8n | BigInt(octets[i])
    return value
  },
  write(writer, value) {
    if (value < 0n || value > largest) throw new RangeError(`${value} is no INTEGER (0..2^63-1)`)
    if (value <= 0xffff_ffff_ffffn) return writeNumber(writer, Number(value))
    let octet = 0
    for (let rest = value; rest > 0n; rest >>= 8n) writer.octet(octet = Number(rest & 0xffn))
    if (octet >= 0x80) writer.octet(0)
  },
}
export const largest = 2n ** 63n - 1n

/** INTEGER (0..most), for ranges that a number holds. */
export function small(most: number): Type<number> {
  return {
    tag: 0x02,
    read(reader, end) {
      const value = reader.octets.readUIntBE(reader.at, wholeNumber(reader, end, 5))
      if (value > most) throw new Malformed(`a number above ${most}`, reader.at)
      reader.at = end
      return value
    },
    write(writer, value) {
      if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${value} is no INTEGER (0..${most})`)
      writeNumber(writer, value)
    },
  }
}

/** Checks the form of a non-negative number; answers its octets. */
function wholeNumber(reader: Reader, end: number, most: number): number {
  const { octets, at } = reader
  const count = end - at
  if (count < 1) throw new Malformed('a number without octets', at)
  if (octets[at] >= 0x80) throw new Malformed('a negative number', at)
  if (count > 1 && octets[at] === 0 && octets[at + 1] < 0x80) throw new Malformed('a number in more octets than needed (X.690 8.3.2)', at)
  if (count > most) throw new Malformed('a number that is too large', at)
  return count
}

function writeNumber(writer: Writer, value: number): void {
  let octet: number
  do {
    writer.octet(octet = value % 256)
    value = Math.floor(value / 256)
  } while (value > 0)
  // A first octet with its high bit set would be negative.
  if (octet >= 0x80) writer.octet(0)
}

/** ENUMERATED by the names' places. A number without a name is malformed: no module has an extension marker (im2000.md Q20). */
export function enumerated<const N extends string>(names: readonly N[]): Type<N> {
  const numbers = new Map<string, number>(names.map((name, i) => [name, i]))
  return {
    tag: 0x0a,
    read(reader, end) {
      const name = names[reader.octets.readUIntBE(reader.at, wholeNumber(reader, end, 4))]
      if (name === undefined) throw new Malformed('a number that the enumeration does not have', reader.at)
      reader.at = end
      return name
    },
    write(writer, value) {
      const number = numbers.get(value)
      if (number === undefined) throw new RangeError(`${value} is not in the enumeration`)
      writeNumber(writer, number)
    },
  }
}

/** The ENUMERATED of a response's status: what has no name is read as its number, an error of unknown kind (im2000.md Q20). A name that stands twice is written as the first. */
export function openEnumerated<const N extends string>(names: readonly N[]): Type<N | number> {
  return {
    tag: 0x0a,
    read(reader, end) {
      const value = reader.octets.readUIntBE(reader.at, wholeNumber(reader, end, 4))
      reader.at = end
      return names[value] ?? value
    },
    write(writer, value) {
      const number = typeof value === 'number' ? value : names.indexOf(value)
      if (number < 0) throw new RangeError(`${value} is not in the enumeration`)
      writeNumber(writer, number)
    },
  }
}

export interface Bounds { readonly min?: number; readonly max?: number }

/** OCTET STRING. */
export function octets({ min = 0, max = Infinity }: Bounds = {}): Type<Buffer> {
  return {
    tag: 0x04,
    read(reader, end) {
      const value = reader.octets.subarray(reader.at, end)
      if (value.length < min || value.length > max) throw new Malformed(`${value.length} octets where ${min === max ? min : `${min} to ${max}`} are wanted`, reader.at)
      reader.at = end
      return value
    },
    write(writer, value) {
      if (value.length < min || value.length > max) throw new RangeError(`${value.length} octets where ${min} to ${max} are wanted`)
      writer.bytes(value)
    },
  }
}

/** The modules' UTF8String: octets that must be UTF-8; bounds count octets. It shows its own tag only in domain names (im2000.md Q1). */
export function utf8({ min = 0, max = Infinity }: Bounds = {}): Type<string> {
  return {
    tag: 0x16,
    alsoTag: 0x0c,
    read(reader, end) {
      const { octets: all, at } = reader
      if (end - at < min || end - at > max) throw new Malformed(`a string of ${end - at} octets where ${min} to ${max} are wanted`, at)
      reader.at = end
      for (let i = at; i < end; i++) {
        if (all[i] < 0x80) continue
        if (!isUtf8(all.subarray(at, end))) throw new Malformed('a string that is not UTF-8', at)
        return all.toString('utf8', at, end)
      }
      return all.toString('latin1', at, end)
    },
    write(writer, value) {
      const length = Buffer.byteLength(value)
      if (length < min || length > max || !value.isWellFormed()) throw new RangeError(`not a string of ${min} to ${max} octets of UTF-8`)
      writer.text(value)
    },
  }
}

/** The value of a PDU: all of `buffer`, nothing behind it. Throws Malformed. */
export function decode<T>(pdu: Type<T>, buffer: Buffer): T {
  const reader = new Reader(buffer)
  return pdu.read(reader, buffer.length)
}

/** The octets of a PDU. Throws RangeError for values that the declaration does not allow. */
export function encode<T>(pdu: Type<T>, value: T): Buffer {
  const writer = new Writer()
  pdu.write(writer, value)
  return writer.finish()
}
