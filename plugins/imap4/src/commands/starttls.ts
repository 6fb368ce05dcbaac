// STARTTLS. What the client sent behind it in clear is forgotten (RFC 3501 6.2.1; command injection).
import type { Session } from '../session/session.js'
import { beforeLogin, command, none } from './command.js'
import { Refusal } from '../replies.js'

const available = (session: Session): boolean => !session.compressed && !session.connection.secure && session.face.services.net.tlsAvailable

export const starttls = command({
  name: 'STARTTLS', states: beforeLogin, read: none,
  capabilities: (session) => (session.state === 'not-authenticated' && available(session) ? ['STARTTLS'] : []),
  run(session) {
    if (session.connection.secure) throw new Refusal(undefined, 'TLS is already in use', 'BAD')
    if (!available(session)) throw new Refusal('UNAVAILABLE', 'TLS is not configured')
    return { text: 'Begin TLS negotiation now', after: session.startTls }
  },
})
