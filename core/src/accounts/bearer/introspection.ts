// Asking the issuer about a token that says nothing by itself (RFC 7662). Answers are remembered for a short while, bounded.
import { createHash } from 'node:crypto'
import type { JWTPayload } from 'jose'
import type { Clock } from '../../base/clock.js'

export interface IntrospectionOptions {
  readonly url: URL
  readonly clientId: string
  readonly clientSecret: string
  /** How long an answer holds, in milliseconds: a token that was taken back is good for so long. */
  readonly rememberMs: number
  readonly clock: Clock
  ask(url: URL, question: { method: 'POST'; headers: Record<string, string>; body: string }): Promise<{ readonly status: number; readonly body: string }>
}

/** Tokens whose answers are remembered, and questions that are under way at once. */
const most = { remembered: 10_000, asking: 100 }

/** Answers what the issuer says of a token; undefined when it is not good. Throws an Error when the issuer does not answer. */
export function makeIntrospection({ url, clientId, clientSecret, rememberMs, clock, ask }: IntrospectionOptions): (token: string) => Promise<JWTPayload | undefined> {
  const known = new Map<string, { answer: JWTPayload | undefined; until: number }>()
  let asking = 0
  // RFC 6749 2.3.1: both are form-encoded before they are joined.
  const credentials = Buffer.from([clientId, clientSecret].map((part) => new URLSearchParams([['', part]]).toString().slice(1)).join(':')).toString('base64')
  return async (token) => {
    const key = createHash('sha256').update(token).digest('base64')
    const remembered = known.get(key)
    if (remembered && remembered.until > clock.now()) return remembered.answer
    if (asking >= most.asking) throw new Error('too many questions are waiting for it')
    asking++
    try {
      const { status, body } = await ask(url, {
        method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded', Authorization: `Basic ${credentials}` },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      })
      if (status !== 200) throw new Error(`it answered ${status}`)
      const said = JSON.parse(body) as JWTPayload & { active?: unknown }
      const answer = said.active === true ? said : undefined
      known.delete(key)
      known.set(key, { answer, until: clock.now() + rememberMs })
      if (known.size > most.remembered) known.delete(known.keys().next().value!)
      return answer
    } finally {
      asking--
    }
  }
}
