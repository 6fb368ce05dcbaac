// Whose token is this? Each configured issuer signs its tokens with keys that we have or fetch (RFC 7519, RFC 7517), or is asked
// about each of them (RFC 7662). What a token says is believed only after that.
import { createLocalJWKSet, createRemoteJWKSet, customFetch, decodeJwt, errors, jwtVerify, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../base/clock.js'
import { failure } from '../../errors/codes.js'
import { makeIntrospection } from './introspection.js'

export interface IssuerOptions {
  /** `iss` of its tokens. */
  readonly issuer: string
  /** One of them must be in the token's `aud`; empty: not looked at. */
  readonly audience: readonly string[]
  /** Where its keys are: an URL, or the keys themselves. Absent: it is asked about tokens. */
  readonly keys?: URL | JSONWebKeySet
  readonly introspection?: { readonly url: URL; readonly clientId: string; readonly clientSecret: string }
  /** Signature algorithms that are taken. */
  readonly algorithms: readonly string[]
  /** The claim that is the account's login name. */
  readonly claim: string
  /** Scopes that the token must have, blank-separated; empty for none. */
  readonly scope: string
  /** URL of its OpenID configuration, for clients; empty for none. */
  readonly discovery: string
}
export interface IssuersParts {
  readonly issuers: readonly IssuerOptions[]
  readonly clock: Clock
  /** Seconds that clocks may differ. */
  readonly skew: number
  /** Seconds that keys and answers are remembered. */
  readonly keysAge: number
  readonly answersAge: number
  readonly timeoutMs: number
  ask(url: URL, question: { method?: 'GET' | 'POST'; headers?: Record<string, string>; body?: string; signal?: AbortSignal }): Promise<{ readonly status: number; readonly body: string }>
}

/** The token is not good; `why` is for the log. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
  constructor(why: string, readonly status: 'invalid_token' | 'insufficient_scope' = 'invalid_token') { super(why) }
}

export interface Issuers {
  /** The login name that a good token speaks for. Throws TokenRefused, and ISSUER_UNREACHABLE when the issuer cannot be asked. */
  nameIn(token: string): Promise<string>
  readonly hint: { readonly scope: string; readonly discovery: string }
}

/** Octets of a token; larger ones are refused unread. */
const longestToken = 16_384
/** Keys are fetched again for a token with an unknown one, but not more often than this. */
const keysPauseMs = 30_000

type Check = (token: string) => Promise<JWTPayload>

export function makeIssuers({ issuers, clock, skew, keysAge, answersAge, timeoutMs, ask }: IssuersParts): Issuers {
  const signed = new Map<string, { options: IssuerOptions; check: Check }>()
  const asked: { options: IssuerOptions; check: Check }[] = []
  for (const options of issuers) {
    if (options.keys) signed.set(options.issuer, { options, check: bySignature(options, options.keys) })
    if (options.introspection) asked.push({ options, check: byQuestion(options, options.introspection) })
  }

  function bySignature({ issuer, audience, algorithms }: IssuerOptions, keys: URL | JSONWebKeySet): Check {
    const find: JWTVerifyGetKey = keys instanceof URL ? createRemoteJWKSet(keys, {
      timeoutDuration: timeoutMs, cacheMaxAge: keysAge * 1000, cooldownDuration: keysPauseMs,
      [customFetch]: async (url, { headers, signal }) => {
        const { status, body } = await ask(new URL(url), { headers: Object.fromEntries(headers), signal })
        return new Response(body, { status })
      },
    }) : createLocalJWKSet(keys)
    return async (token) => {
      const wanted = { issuer, algorithms: [...algorithms], clockTolerance: skew, requiredClaims: ['exp'], currentDate: new Date(clock.now()), ...(audience.length > 0 ? { audience: [...audience] } : {}) }
      try {
        return (await jwtVerify(token, find, wanted)).payload
      } catch (error) {
        // The token does not say which key: each that could be meant is tried.
        if (error instanceof errors.JWKSMultipleMatchingKeys) for await (const key of error) {
          const payload = await jwtVerify(token, key, wanted).then((verified) => verified.payload, (other: unknown) => {
            if (other instanceof errors.JWSSignatureVerificationFailed) return undefined
            throw other instanceof errors.JOSEError ? new TokenRefused(other.message) : other
          })
          if (payload) return payload
        }
        // What a token or the set of keys is wrong in has a code of its own; everything else is the way to the keys.
        if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && error.code !== 'ERR_JOSE_GENERIC' && error.code !== 'ERR_JWKS_INVALID') throw new TokenRefused(error.message)
        throw unreachable(issuer, error)
      }
    }
  }

  function byQuestion({ issuer, audience }: IssuerOptions, { url, clientId, clientSecret }: NonNullable<IssuerOptions['introspection']>): Check {
    const question = makeIntrospection({ url, clientId, clientSecret, clock, rememberMs: answersAge * 1000, ask })
    return async (token) => {
      const payload = await question(token).catch((error: unknown) => { throw unreachable(issuer, error) })
      if (!payload) throw new TokenRefused('the issuer says that it is not active')
      const now = clock.now() / 1000
      if (payload.iss !== undefined && payload.iss !== issuer) throw new TokenRefused('it is of another issuer')
      if (typeof payload.exp === 'number' && payload.exp + skew <= now) throw new TokenRefused('it has expired')
      if (typeof payload.nbf === 'number' && payload.nbf - skew > now) throw new TokenRefused('its time has not come')
      if (audience.length > 0 && ![payload.aud].flat().some((aud) => aud !== undefined && audience.includes(aud))) throw new TokenRefused('it is for another audience')
      return payload
    }
  }

  /** Tokens that are readable go to the issuer that they name; the others to those who can be asked, one after the other. */
  const candidates = (token: string): readonly { options: IssuerOptions; check: Check }[] => {
    const issuer = issuerNamedBy(token)
    if (issuer === undefined) return asked
    const own = signed.get(issuer)
    return own ? [own] : asked.filter(({ options }) => options.issuer === issuer)
  }

  return {
    hint: { scope: issuers[0]?.scope ?? '', discovery: issuers[0]?.discovery ?? '' },
    async nameIn(token) {
      if (token.length > longestToken) throw new TokenRefused('it is too long')
      let why: unknown = new TokenRefused('its issuer is not known here')
      for (const { options, check } of candidates(token)) {
        try {
          return nameOf(await check(token), options)
        } catch (error) {
          // As long as one could not be asked, nobody knows that the token is bad.
          if (why instanceof TokenRefused) why = error
        }
      }
      throw why
    },
  }
}

const unreachable = (issuer: string, error: unknown): Error => failure('ISSUER_UNREACHABLE', { issuer, why: error instanceof Error ? error.message : String(error) }, error)

/** Unverified: only to know whom to ask. */
function issuerNamedBy(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

function nameOf(payload: JWTPayload, { claim, scope }: IssuerOptions): string {
  // `scp` is Microsoft's name for it; some write a list.
  const has = [payload.scope ?? payload.scp].flat().flatMap((text) => (typeof text === 'string' ? text.split(' ') : []))
  if (!scope.split(' ').every((wanted) => wanted === '' || has.includes(wanted))) throw new TokenRefused(`it lacks the scope ${scope}`, 'insufficient_scope')
  const name = payload[claim]
  if (typeof name !== 'string' || name === '') throw new TokenRefused(`it has no claim ${claim}`)
  // Whoever may write any address into a profile must not become its owner.
  if (claim === 'email' && payload.email_verified === false) throw new TokenRefused('its address is not verified')
  return name
}
