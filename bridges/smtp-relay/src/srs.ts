// Envelope senders of forwarded mail (SRS): the next server asks whether we may send in the sender's name, so the address becomes
// one of ours that holds the true one, signed; what is returned to it goes back from here. The form is the customary one (SRS0, SRS1).
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Accounts, Database, RcptTo, RecipientKind, RelayRecipient } from '@restante/core'

/** Returned mail comes within days: addresses are good for so many. */
const goodDays = 21
const dayMs = 86_400_000
/** RFC 5321 4.5.3.1.1. */
const localPart = 64
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const secretName = 'srs'

/** Makes and undoes addresses. Pure but for the clock. */
export class Srs {
  constructor(private readonly parts: { readonly secret: Buffer; readonly now: () => number }) {}

  /** The address of ours that stands for `address`; undefined when it would be too long. @param domain ours */
  forward(address: string, domain: string): string | undefined {
    const at = address.lastIndexOf('@')
    const [local, host] = [address.slice(0, at), address.slice(at + 1)]
    const onward = /^SRS([01])[=+-](.*)$/i.exec(local)
    let made: string
    if (onward) {
      // Rewritten before: only where the first one is, and its words; ours is the only new signature (SRS1).
      const [, first, rest] = onward[1] === '1' ? /^[^=]*=([^=]+)=(.*)$/.exec(onward[2]) ?? [] : [undefined, host, `=${onward[2]}`]
      if (first === undefined || rest === undefined) return undefined
      made = `SRS1=${this.#sign(`1${first}${rest}`)}=${first}=${rest}`
    } else {
      const day = this.#day()
      made = `SRS0=${this.#sign(`0${day}${host}${local}`)}=${day}=${host}=${local}`
    }
    return made.length > localPart ? undefined : `${made}@${domain}`
  }

  /** Whom an address of ours stands for; undefined: it is none; a sentence: it is none any more, or never was. */
  back(address: string): { readonly address: string } | { readonly refuse: string } | undefined {
    const found = /^SRS([01])[=+-]([^=]*)=(.*)@[^@]*$/i.exec(address)
    if (!found) return undefined
    const [, kind, signature, rest] = found
    if (kind === '1') {
      const [, first, inner] = /^([^=]+)=(.*)$/.exec(rest) ?? []
      if (first === undefined || !this.#isSigned(signature, `1${first}${inner}`)) return { refuse: 'This address was not made here' }
      return { address: `SRS0${inner}@${first}` }
    }
    const [, day, host, local] = /^([^=]+)=([^=]+)=(.+)$/.exec(rest) ?? []
    if (day === undefined || !this.#isSigned(signature, `0${day}${host}${local}`)) return { refuse: 'This address was not made here' }
    return this.#age(day) > goodDays ? { refuse: 'This address is too old' } : { address: `${local}@${host}` }
  }

  /** Ten bits of days, as two letters. */
  #day(): string {
    const days = Math.floor(this.parts.now() / dayMs) % 1024
    return alphabet[days >> 5] + alphabet[days & 31]
  }
  #age(day: string): number {
    const [high, low] = [...day.toUpperCase()].map((sign) => alphabet.indexOf(sign))
    return (Math.floor(this.parts.now() / dayMs) - (high * 32 + low) + 1024 * 1000) % 1024
  }
  /** Mail programs change the case of addresses: it does not matter. */
  #sign(text: string): string {
    return [...createHmac('sha256', this.parts.secret).update(text.toLowerCase()).digest().subarray(0, 8)].map((octet) => alphabet[octet & 31]).join('')
  }
  #isSigned(signature: string, text: string): boolean {
    const wanted = Buffer.from(this.#sign(text))
    const given = Buffer.from(signature.toUpperCase())
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }
}

export interface SrsParts { readonly database: Database; readonly accounts: Pick<Accounts, 'isLocal'>; readonly enabled: boolean; readonly now: () => number }

/** With the gateway's own secret, which is made when there is none. */
export function makeSrs({ database, accounts, enabled, now }: SrsParts) {
  let made: Promise<Srs> | undefined
  const srs = (): Promise<Srs> => made ??= secretOf(database).then((secret) => new Srs({ secret, now }), (error: unknown) => {
    made = undefined
    throw error
  })
  return {
    /** Who stands as the sender in the envelope: for what was forwarded somebody from whom returned mail finds back. */
    async sender({ originator, forwardedFor }: Pick<RelayRecipient, 'originator' | 'forwardedFor'>): Promise<string> {
      if (!enabled || !forwardedFor || originator === '') return originator
      // Our own people may send from here as they are.
      if (await accounts.isLocal(forwardedFor.slice(forwardedFor.lastIndexOf('@') + 1))) return forwardedFor
      return (await srs()).forward(forwardedFor, originator.slice(originator.lastIndexOf('@') + 1)) ?? originator
    },
    /** For 'smtp.unknown'. Addresses that were made are good also when no more are made. */
    async unknown({ recipient, sender }: RcptTo): Promise<RecipientKind | undefined> {
      if (!/^SRS[01][=+-]/i.test(recipient)) return undefined
      const found = (await srs()).back(recipient)
      if (!found || 'refuse' in found) return found
      return sender === '' ? { returned: found.address } : { refuse: 'This address takes returned mail only' }
    },
  }
}

async function secretOf(database: Database): Promise<Buffer> {
  await database.write((tx) => tx.run('INSERT INTO smtp_relay_secrets (name, secret) VALUES (?, ?) ON CONFLICT (name) DO NOTHING', [secretName, randomBytes(32).toString('hex')]))
  return Buffer.from((await database.read.get<{ secret: string }>('SELECT secret FROM smtp_relay_secrets WHERE name = ?', [secretName]))!.secret, 'hex')
}
