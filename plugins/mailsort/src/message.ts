// A message as rules see it: decoded fields, addresses, attachments, from the summary; header block and text parts only when a
// rule needs them (`Missing` says so, and whoever evaluates brings them). Decoded once for all recipients.
import { decodeBody, decodeHeader, decodeText, isKept, parseAddressList, splitFields, type OctetString, type Summary } from '@restante/core'
import { folded } from './compare.js'

/** Thrown while evaluating: octets are needed that nobody has read yet. */
export class Missing extends Error {
  constructor(readonly what: 'header' | 'body') { super(`the ${what} is needed`) }
}

export interface Person { readonly address: string; readonly name: string; readonly user: string; readonly domain: string }

/** Characters of one field's value that are compared, octets of text that `body` looks at, parts of it. */
const longestValue = 64 * 1024
export const mostText = 512 * 1024
const mostParts = 100
/** Fields of one name. */
const mostOfOne = 100

export class Message {
  readonly summary: Summary
  #kept: ReadonlyMap<string, readonly OctetString[]> | undefined
  #block: ReadonlyMap<string, readonly OctetString[]> | undefined
  #bodies: readonly string[] | undefined
  readonly #texts = new Map<string, readonly string[]>()
  readonly #folded = new Map<string, readonly string[]>()
  readonly #people = new Map<string, readonly Person[]>()

  constructor(summary: Summary) {
    this.summary = summary
  }

  /** Decoded values of the fields of a name (lower case), in stored order. */
  texts(name: string): readonly string[] {
    let known = this.#texts.get(name)
    if (!known) this.#texts.set(name, (known = this.#raw(name).map((value) => decodeHeader(value).slice(0, longestValue).normalize('NFC'))))
    return known
  }

  /** The same folded, for comparing. */
  foldedTexts(name: string): readonly string[] {
    let known = this.#folded.get(name)
    if (!known) this.#folded.set(name, (known = this.texts(name).map(folded)))
    return known
  }

  people(name: string): readonly Person[] {
    let known = this.#people.get(name)
    if (!known) this.#people.set(name, (known = this.#raw(name).flatMap((value) => parseAddressList(value).flatMap((one) => (one.kind === 'mailbox' ? [person(one.name, one.local, one.domain)] : [])))))
    return known
  }

  get bodies(): readonly string[] {
    if (!this.#bodies) throw new Missing('body')
    return this.#bodies
  }

  /** Reads what was missing. `octets` as of `ArrivalFor`. */
  async bring(what: 'header' | 'body', octets: (from: number, length: number) => Promise<Buffer>): Promise<void> {
    if (what === 'header') this.#block = byName((await octets(0, Math.min(this.summary.headerSize, 256 * 1024))).toString('latin1'))
    else {
      const texts: string[] = []
      let left = mostText
      for (const part of this.summary.parts.filter(({ type }) => type.startsWith('text/')).slice(0, mostParts)) {
        if (left <= 0) break
        // Encoded text is longer than what it says.
        const read = await octets(part.bodyOffset, Math.min(part.bodyLength, left * 2))
        const text = decodeText(decodeBody(read, part.encoding).subarray(0, left), part.charset)
        left -= text.length
        texts.push(text.normalize('NFC'))
      }
      this.#bodies = texts
    }
  }

  #raw(name: string): readonly OctetString[] {
    if (this.#block) return this.#block.get(name) ?? []
    if (this.summary.headers === null || !isKept(name)) throw new Missing('header')
    return (this.#kept ??= byName(this.summary.headers)).get(name) ?? []
  }
}

function byName(block: OctetString): Map<string, OctetString[]> {
  const found = new Map<string, OctetString[]>()
  for (const { name, value } of splitFields(block)) {
    const before = found.get(name)
    if (!before) found.set(name, [value])
    else if (before.length < mostOfOne) before.push(value)
  }
  return found
}

function person(name: OctetString, local: OctetString, domain: OctetString): Person {
  const [user, host] = [decodeHeader(local).normalize('NFC'), decodeHeader(domain)]
  return { name: decodeHeader(name).normalize('NFC'), user, domain: host, address: host === '' ? user : `${user}@${host}` }
}

const messages = new WeakMap<Summary, Message>()
/** One per message, however many recipients. */
export function messageOf(summary: Summary): Message {
  let known = messages.get(summary)
  if (!known) messages.set(summary, (known = new Message(summary)))
  return known
}
