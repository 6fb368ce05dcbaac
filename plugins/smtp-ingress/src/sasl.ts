// SASL mechanisms that the library lacks (it knows PLAIN and LOGIN): SCRAM-SHA-256 with and without channel binding, OAuth tokens,
// client certificates. Conversations only; knows no sockets.
import { failure, type Account, type Authenticator, type BearerMechanism, type Connection } from '@restante/core'
import { reply } from './replies.js'

/** Sends a challenge and answers the peer's response to it. Rejects when the peer gives up. */
export type Ask = (challenge: string) => Promise<Buffer>
export interface Conversation { readonly authenticator: Authenticator; readonly connection: Connection; /** Of the address that the session speaks for. */ readonly remoteAddress: string }
interface Mechanism {
  /** Whether it can be had in this session. */
  has(talk: Conversation): boolean
  run(talk: Conversation, ask: Ask, initial: Buffer | undefined): Promise<Account>
}

const attempt = ({ remoteAddress }: Conversation) => ({ service: 'submission', remoteAddress })

/** RFC 5802, 7677, 9266. */
const scram = (plus: boolean): Mechanism => ({
  has: ({ connection }) => !plus || connection.channelBinding !== undefined,
  async run(talk, ask, initial) {
    const octets = talk.connection.channelBinding
    const conversation = talk.authenticator.scram(attempt(talk), octets && { octets, chosen: plus })
    const challenge = await conversation.first((initial ?? await ask('')).toString())
    const { message, account } = await conversation.final((await ask(challenge)).toString())
    // SMTP's 235 carries no data, so the server's proof is one more challenge, to which the answer is empty.
    await ask(message)
    return account
  },
})

/** RFC 7628, and Google's XOAUTH2. */
const bearer = (name: BearerMechanism): Mechanism => ({
  has: ({ authenticator }) => authenticator.bearerMechanisms?.includes(name) ?? false,
  async run(talk, ask, initial) {
    const outcome = await talk.authenticator.bearer(name, initial ?? await ask(''), attempt(talk))
    if ('account' in outcome) return outcome.account
    // Why, as a challenge; the client's dummy answer says nothing (RFC 7628 3.2.3).
    await ask(outcome.challenge)
    throw failure('AUTHENTICATION_FAILED')
  },
})

/** The certificate that the client showed when TLS began (RFC 4422 A). */
const external: Mechanism = {
  has: ({ connection }) => connection.clientCertificate !== undefined,
  async run(talk, ask, initial) {
    const as = (initial ?? await ask('')).toString()
    if (as.includes('\0')) throw reply(501, '5.5.2 Not a user name')
    return talk.authenticator.external(talk.connection.clientCertificate!, as, attempt(talk))
  },
}

/** In the order of preference. */
const mechanisms: Readonly<Record<string, Mechanism>> = { 'EXTERNAL': external, 'SCRAM-SHA-256-PLUS': scram(true), 'SCRAM-SHA-256': scram(false), 'OAUTHBEARER': bearer('OAUTHBEARER'), 'XOAUTH2': bearer('XOAUTH2') }

/** Those that can be had in this session, beside the library's. */
export const offered = (talk: Conversation): string[] => Object.entries(mechanisms).filter(([, mechanism]) => mechanism.has(talk)).map(([name]) => name)
/** undefined: the library's, or nobody's. */
export const mechanismOf = (name: string, talk: Conversation): Mechanism | undefined => (Object.hasOwn(mechanisms, name) && mechanisms[name].has(talk) ? mechanisms[name] : undefined)

/** A line of base64; undefined: it is none. '=' is an initial response that is empty (RFC 4954 4). */
export function decoded(line: string): Buffer | undefined {
  if (line === '=') return Buffer.alloc(0)
  return /^[A-Za-z0-9+/]*={0,2}$/.test(line) && line.length % 4 === 0 ? Buffer.from(line, 'base64') : undefined
}
