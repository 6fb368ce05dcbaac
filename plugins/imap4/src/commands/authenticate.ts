// AUTHENTICATE: SASL (RFC 4422) with initial response (RFC 4959).
import { failure, type Account, type BearerMechanism } from '@restante/core'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { BadCommand, utf8 } from '../wire/reader.js'
import { beforeLogin, command } from './command.js'
import { attempt, checkPassword, loggedIn } from './login.js'

interface Mechanism {
  readonly name: string
  /** Shows the password to whoever listens. */
  readonly plaintext: boolean
  /** Whether it can be had here at all: its TLS session can prove itself, it is configured. */
  has?(session: Session): boolean
  run(session: Session, initial: Buffer | undefined): Promise<Account>
}

/** SCRAM-SHA-256, and with -PLUS bound to the TLS session (RFC 5802, 7677, 9266). */
const scramSha256 = (plus: boolean): Mechanism => (
  {
    name: plus ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256', plaintext: false, ...(plus ? { has: offersBinding } : {}),
    async run(session, initial) {
      const octets = offersBinding(session) ? session.connection.channelBinding : undefined
      const scram = session.face.services.authenticator.scram(attempt(session), octets && { octets, chosen: plus })
      const first = initial ?? (await ask(session, ''))
      const last = await ask(session, await scram.first(first.toString('utf8')))
      const { message, account } = await scram.final(last.toString('utf8'))
      if ((await ask(session, message)).length > 0) throw new BadCommand('Wanted an empty line')
      return account
    },
  })

/** An OAuth token: RFC 7628, and Google's XOAUTH2. */
const bearer = (name: BearerMechanism): Mechanism => (
  {
    name, plaintext: true, has: (session) => session.face.services.authenticator.bearerMechanisms.includes(name),
    async run(session, initial) {
      const outcome = await session.face.services.authenticator.bearer(name, initial ?? (await ask(session, '')), attempt(session))
      if ('account' in outcome) return outcome.account
      // Why, as a challenge; the client's dummy answer says nothing (RFC 7628 3.2.3).
      await ask(session, outcome.challenge)
      throw failure('AUTHENTICATION_FAILED')
    },
  })

/** The certificate that the client showed when TLS began (RFC 4422 A); it may name more accounts than one. */
const external: Mechanism = {
  name: 'EXTERNAL', plaintext: false, has: (session) => session.connection.clientCertificate !== undefined,
  async run(session, initial) {
    const as = utf8((initial ?? (await ask(session, ''))).toString('latin1'))
    if (as === undefined || as.includes('\0')) throw new BadCommand('Not a user name')
    return session.face.services.authenticator.external(session.connection.clientCertificate!, as, attempt(session))
  },
}

/** What is hidden from a client by configuration it must not be blamed for not choosing. */
const offersBinding = (session: Session): boolean => session.connection.channelBinding !== undefined && !session.hides('AUTH=SCRAM-SHA-256-PLUS')

const mechanisms: readonly Mechanism[] = [
  external,
  scramSha256(true),
  scramSha256(false),
  bearer('OAUTHBEARER'),
  bearer('XOAUTH2'),
  {
    name: 'PLAIN', plaintext: true,
    async run(session, initial) {
      const parts = (initial ?? (await ask(session, ''))).toString('latin1').split('\0')
      if (parts.length !== 3) throw new BadCommand('Not a PLAIN message')
      const [authorize, name, password] = parts
      if (authorize !== '' && authorize.toLowerCase() !== name.toLowerCase()) throw new Refusal('AUTHORIZATIONFAILED', 'Nobody may act as somebody else')
      return checkPassword(session, name, password)
    },
  },
  {
    // Outlook's; it sends the name as initial response although the draft knows none.
    name: 'LOGIN', plaintext: true,
    async run(session, initial) {
      const name = initial ?? (await ask(session, 'Username:'))
      const password = await ask(session, 'Password:')
      return checkPassword(session, name.toString('latin1'), password.toString('latin1'))
    },
  },
]

export const authenticate = command({
  name: 'AUTHENTICATE', states: beforeLogin, secret: true,
  capabilities: (session) => (session.state === 'not-authenticated' ? ['SASL-IR', ...mechanisms.filter((m) => usable(session, m)).map((m) => `AUTH=${m.name}`)] : ['SASL-IR']),
  read(r) {
    const name = r.sp().word('a mechanism')
    if (!r.take(' ')) return { name, initial: undefined }
    // `=` stands for an empty response.
    return { name, initial: r.take('=') ? Buffer.alloc(0) : fromBase64(r.astring('a response')) }
  },
  async run(session, { name, initial }) {
    const mechanism = mechanisms.find((m) => m.name === name)
    if (!mechanism || mechanism.has?.(session) === false) throw new Refusal(undefined, `There is no mechanism ${name}`)
    if (!usable(session, mechanism)) throw new Refusal('PRIVACYREQUIRED', 'Passwords are accepted only under TLS')
    return loggedIn(session, await mechanism.run(session, initial))
  },
})

const usable = (session: Session, mechanism: Mechanism): boolean => (!mechanism.plaintext || session.passwordAllowed) && mechanism.has?.(session) !== false

async function ask(session: Session, challenge: string): Promise<Buffer> {
  session.proceed(Buffer.from(challenge, 'utf8').toString('base64'))
  const line = await session.readLine()
  if (line === '*') throw new BadCommand('Cancelled by the client')
  return fromBase64(line)
}

function fromBase64(text: string): Buffer {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new BadCommand('Not base64')
  return Buffer.from(text, 'base64')
}
