// What goes out of a message: its stored octets with line ends that SMTP has, signatures before them.
import { pipeline, Readable } from 'node:stream'
import { isFailure, parseAddressList, splitFields, type AccountId, type Accounts, type Clock, type Content, type Log, type RelayRecipient } from '@restante/core'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import type { Config } from './config.js'
import { LineEnds, lineEnds, look, type Look } from './content.js'
import type { Keys } from './keys.js'
import type { Verdict } from './outcome.js'
import type { makeSeal } from './seal.js'

export type Outgoing = Buffer | Readable
export interface Prepared {
  /** Octets, as they will be sent. */
  readonly size: number
  readonly eightBit: boolean
  /** Its sender wants it to arrive, with TLS or without (TLS-Required: No, RFC 8689 3). */
  readonly lax: boolean
  /** A small message as it is in memory, others as a stream. */
  readonly octets: () => Outgoing
}
export interface PrepareParts {
  readonly config: Pick<Config, 'hops'>
  /** Sender of our own reports on TLS. */
  readonly contact: string
  readonly accounts: Accounts
  readonly keys: Keys
  /** Seals what was forwarded; undefined: nothing is. */
  readonly seal: ReturnType<typeof makeSeal> | undefined
  readonly clock: Clock
  readonly log: Log
}

const signedFields = 'From:Sender:Reply-To:Subject:Date:Message-ID:To:Cc:MIME-Version:Content-Type:Content-Transfer-Encoding:In-Reply-To:References:List-Id:List-Unsubscribe'.split(':')

export function makePrepare({ config, contact, accounts, keys, seal, clock, log }: PrepareParts) {
  /** @param opened the message */
  return async (opened: Promise<Content>, { message, account, originator, forwardedFor }: Pick<RelayRecipient, 'message' | 'account' | 'originator' | 'forwardedFor'>): Promise<Prepared | Verdict> => {
    try {
      const content = await opened
      const raw = (): AsyncIterable<Buffer> => content.range(0, content.size)
      const seen = await look(content.octets ? [content.octets] : raw())
      if (seen.nul) return { kind: 'permanent', status: '5.6.0', why: 'the message contains NUL, which SMTP cannot carry' }
      if (seen.hops > config.hops) return { kind: 'permanent', status: '5.4.6', why: `the message has ${seen.hops} Received fields: it goes in circles` }
      const whole = content.octets && (seen.clean ? content.octets : lineEnds(content.octets))
      const body = (): Outgoing => {
        if (whole) return whole
        const stream = Readable.from(raw(), { objectMode: false })
        return seen.clean ? stream : pipeline(stream, new LineEnds(), () => undefined)
      }
      const head = Buffer.from(forwardedFor === null ? await sign(seen, account, originator, body) : await sealed(seen, originator, body), 'latin1')
      return { size: seen.size + head.length, eightBit: seen.eightBit, lax: /^tls-required[ \t]*:[ \t]*no[ \t]*$/im.test(seen.header), octets: () => (whole ? Buffer.concat([head, whole]) : Readable.from((async function* () {
        if (head.length > 0) yield head
        yield* body() as Readable as AsyncIterable<Buffer>
      })(), { objectMode: false })) }
    } catch (error) {
      if (isFailure(error, 'MESSAGE_NOT_FOUND')) return { kind: 'permanent', status: '5.6.0', why: 'the message is gone' }
      log.error({ err: error, message }, 'a message cannot be relayed just now')
      return { kind: 'temporary', status: '4.3.0', why: 'the message cannot be read just now' }
    }
  }

  async function sealed({ header }: Look, originator: string, body: () => Outgoing): Promise<string> {
    // The chain's algorithm is RSA (RFC 8617 4.1.1 names no other that everybody knows).
    const key = seal && (await keys.signing(domainOf(originator))).find(({ algorithm }) => algorithm === 'rsa')
    return key ? seal(header, key, body) : ''
  }

  /** In the name of the domain in From, when somebody with an account here has sent it and may write so; '' for all else. */
  async function sign({ header }: Look, account: AccountId | null, originator: string, body: () => Outgoing): Promise<string> {
    const ours = account === null && originator === contact // strangers' mail is never relayed in anybody's name
    if (account === null && !ours) return ''
    const authors = splitFields(header).filter((field) => field.name === 'from').flatMap((field) => parseAddressList(field.value)).flatMap((one) => (one.kind === 'mailbox' ? [`${one.local}@${one.domain}`] : []))
    const owner = account === null ? undefined : await accounts.byId(account).catch(() => undefined)
    if (authors.length !== 1 || !(ours ? authors[0] === contact : owner && await accounts.owns(owner, authors[0]).catch(() => false))) return ''
    const domain = domainOf(authors[0])
    const own = await keys.signing(domain)
    if (own.length === 0) return ''
    const { signatures, errors } = await dkimSign(body(), {
      canonicalization: 'relaxed/relaxed', signTime: new Date(clock.now()), headerList: signedFields,
      signatureData: own.map(({ selector, privateKey, algorithm }) => ({ signingDomain: domain, selector, privateKey, algorithm: algorithm === 'rsa' ? 'rsa-sha256' : 'ed25519-sha256' })),
    })
    for (const { err } of errors) log.error({ err, domain }, 'a message could not be signed')
    return signatures.trim() === '' ? '' : signatures
  }
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1).toLowerCase()
