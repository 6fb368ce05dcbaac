// What OAUTHBEARER (RFC 7628) and Google's XOAUTH2 say: the client's one message, and the words a refusal is told in. Pure.
import type { BearerMechanism } from '../contract.js'

export interface BearerMessage {
  readonly token: string
  /** As whom the client wants to act: authorization identity, or XOAUTH2's `user`. */
  readonly name: string | undefined
}

/** What a refused client is told of where to get a token (RFC 7628 3.2.2). */
export interface BearerHint {
  readonly scope: string
  /** URL of the issuer's OpenID configuration; empty for none. */
  readonly discovery: string
}

/** Reads the client's message; undefined when it is none (RFC 7628 3.1). */
export function parseBearerMessage(mechanism: BearerMechanism, message: Buffer): BearerMessage | undefined {
  const [head = '', ...rest] = message.toString('utf8').split('\x01')
  // Each pair ends with ^A, and one more ends the message: two empty pieces at the end.
  if (rest.length < 3 || rest.pop() !== '' || rest.pop() !== '') return undefined
  const pairs = new Map<string, string>()
  for (const pair of mechanism === 'XOAUTH2' ? [head, ...rest] : rest) {
    const found = /^([A-Za-z0-9]+)=([^\0]*)$/s.exec(pair)
    if (!found || pairs.has(found[1]!.toLowerCase())) return undefined
    pairs.set(found[1]!.toLowerCase(), found[2]!)
  }
  const token = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(pairs.get('auth') ?? '')?.[1]
  const name = mechanism === 'XOAUTH2' ? { name: pairs.get('user') || undefined } : parseHeader(head)
  return token === undefined || name === undefined ? undefined : { token, ...name }
}

/** The GS2 header (RFC 5801 4) without channel binding: `n,a=name,`. */
function parseHeader(head: string): { name: string | undefined } | undefined {
  const found = /^[ny],(?:a=((?:[^,=\0]|=2C|=3D)+))?,$/.exec(head)
  return found ? { name: found[1]?.replace(/=2C/g, ',').replace(/=3D/g, '=') } : undefined
}

/** The challenge that tells a client that its token is refused; it answers with a dummy, and then comes the failure. */
export function bearerRefusal(mechanism: BearerMechanism, status: 'invalid_token' | 'invalid_request' | 'insufficient_scope', { scope, discovery }: BearerHint): string {
  if (mechanism === 'XOAUTH2') return JSON.stringify({ status: status === 'invalid_request' ? '400' : '401', schemes: 'bearer', ...(scope ? { scope } : {}) })
  return JSON.stringify({ status, ...(scope ? { scope } : {}), ...(discovery ? { 'openid-configuration': discovery } : {}) })
}
