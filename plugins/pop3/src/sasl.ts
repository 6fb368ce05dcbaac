// AUTH (RFC 5034): PLAIN (RFC 4616), SCRAM-SHA-256 (RFC 7677), OAuth tokens (RFC 7628, XOAUTH2) and client certificates, with or without an initial response.
import { failure, type BearerMechanism } from '@restante/core'
import type { Session } from './connection.js'
import { Refused } from './replies.js'

/** What is offered now. SCRAM shows no password, so it is offered in clear, too. */
export function mechanisms(session: Session): string[] {
  return [...(session.clientCertificate ? ['EXTERNAL'] : []), 'SCRAM-SHA-256', ...(session.mayUsePassword ? ['PLAIN', ...session.authenticator.bearerMechanisms] : [])]
}

export async function authenticate(session: Session, mechanism: string, initial: string | undefined): Promise<void> {
  const { authenticator, attempt, clientCertificate } = session
  /** One challenge and its response, decoded. */
  const ask = async (challenge: string): Promise<string> => decoded(await session.ask(Buffer.from(challenge).toString('base64')))
  // RFC 5034 4: '=' stands for an initial response that is empty.
  const first = async (): Promise<string> => (initial === undefined ? await ask('') : initial === '=' ? '' : decoded(initial))

  if (mechanism === 'SCRAM-SHA-256') {
    const talk = authenticator.scram(attempt)
    const start = await first()
    await session.login(async () => {
      const { message, account } = await talk.final(await ask(await talk.first(start)))
      // +OK carries no data: the server's proof is one more challenge, and the answer to it is empty.
      await ask(message)
      return account
    })
  } else if (mechanism === 'PLAIN') {
    session.needsSafety()
    const parts = (await first()).split('\0')
    const [authzid = '', name = '', password = ''] = parts
    await session.login(async () => {
      if (parts.length !== 3) throw new Refused('authentication', {}, 'AUTH')
      const account = await authenticator.password(name, password, attempt)
      if (authzid !== '' && authzid !== name && authzid.toLowerCase() !== account.name) throw new Refused('actForSelf', {}, 'AUTH')
      return account
    })
  } else if (mechanism === 'EXTERNAL' && clientCertificate) {
    const as = await first()
    await session.login(() => authenticator.external(clientCertificate, as, attempt))
  } else if (isBearer(mechanism) && authenticator.bearerMechanisms.includes(mechanism)) {
    session.needsSafety()
    const message = Buffer.from(await first(), 'utf8')
    await session.login(async () => {
      const outcome = await authenticator.bearer(mechanism, message, attempt)
      if ('account' in outcome) return outcome.account
      // Why, as a challenge; the client's dummy answer says nothing (RFC 7628 3.2.3).
      await ask(outcome.challenge)
      throw failure('AUTHENTICATION_FAILED')
    })
  } else throw new Refused('mechanism')
}

const isBearer = (mechanism: string): mechanism is BearerMechanism => mechanism === 'OAUTHBEARER' || mechanism === 'XOAUTH2'

function decoded(text: string): string {
  if (text === '*') throw new Refused('cancelled')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new Refused('base64')
  return Buffer.from(text, 'base64').toString('utf8')
}
