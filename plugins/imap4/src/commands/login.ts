// LOGIN: name and password in one line. Refused in clear text unless the listener's policy allows it (LOGINDISABLED).
import { failure } from '@restante/core'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { utf8 } from '../wire/reader.js'
import { beforeLogin, command, type Done } from './command.js'
import { mustBeAtHome, referral } from './referral.js'

export const login = command({
  name: 'LOGIN', states: beforeLogin, secret: true,
  capabilities: (session) => [...(session.state === 'not-authenticated' && !session.passwordAllowed ? ['LOGINDISABLED'] : []), ...(session.face.config.referrals.length > 0 ? ['LOGIN-REFERRALS'] : [])],
  read: (r) => ({ name: r.sp().astring('a user name'), password: r.sp().astring('a password') }),
  async run(session, { name, password }) {
    if (!session.passwordAllowed) throw new Refusal('PRIVACYREQUIRED', 'Passwords are accepted only under TLS')
    return loggedIn(session, await checkPassword(session, name, password))
  },
})

/** Name and password as octets. */
export async function checkPassword(session: Session, name: string, password: string): Promise<Awaited<ReturnType<typeof session.face.services.authenticator.password>>> {
  const [user, secret] = [utf8(name), utf8(password)]
  if (user === undefined || secret === undefined) throw failure('AUTHENTICATION_FAILED')
  mustBeAtHome(session, user)
  return session.face.services.authenticator.password(user, secret, attempt(session))
}

export const attempt = (session: Session): { service: string; remoteAddress: string } => ({ service: 'imap', remoteAddress: session.connection.remoteAddress })

/** The end of every way to log in. The new capabilities save the client a question. */
export function loggedIn(session: Session, account: Parameters<Session['login']>[0]): Done {
  // Mechanisms that do not tell the name before they are through.
  mustBeAtHome(session, account.name)
  session.login(account)
  const moved = referral(session, account.name)
  if (moved) return { code: moved.code, text: 'Logged in; the personal mailboxes are at another server' }
  return { code: `CAPABILITY ${session.capabilities}`, text: 'Logged in' }
}
