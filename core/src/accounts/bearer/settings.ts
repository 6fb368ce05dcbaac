// From the settings `accounts.oauth` to issuers that can be asked: files are read here, once.
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import type { Clock } from '../../base/clock.js'
import type { Settings } from '../../config/schema.js'
import { failure } from '../../errors/codes.js'
import { makeAddressGuard } from '../../net/address-guard.js'
import { askHttp } from '../../net/ask-http.js'
import { makeIssuers, type Issuers } from './issuers.js'

/** Octets of a set of keys, and of what an issuer says of a token. */
const answerOctets = 262_144

/** Undefined when none is configured. Throws CONFIG_INVALID for files that cannot be used. */
export function issuersFrom(oauth: Settings['accounts']['oauth'], clock: Clock): Issuers | undefined {
  if (oauth.issuers.length === 0) return undefined
  const timeoutMs = oauth.timeout * 1000
  const guard = makeAddressGuard({ allow: oauth.allowNetworks })
  const ca = oauth.ca === '' ? undefined : [...rootCertificates, fileOf('accounts.oauth.ca', oauth.ca)]
  return makeIssuers({
    clock, timeoutMs, skew: oauth.clockSkew, keysAge: oauth.keysAge, answersAge: oauth.answersAge,
    async ask(url, { headers, ...question }) {
      const { status, body } = await askHttp(url, { permits: guard.permits, timeoutMs, octets: answerOctets, ca }, { ...question, headers: { Accept: 'application/json', ...headers } })
      return { status, body: body.toString('utf8') }
    },
    issuers: oauth.issuers.map(({ issuer, audience, keys, introspection, algorithms, account, scope, discovery }, i) => ({
      issuer, audience, algorithms, claim: account, scope, discovery,
      ...(keys === undefined ? {} : { keys: keys.includes('://') ? new URL(keys) : keysIn(`accounts.oauth.issuers[${i}].keys`, keys) }),
      ...(introspection ? { introspection: { ...introspection, url: new URL(introspection.url) } } : {}),
    })),
  })
}

function fileOf(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw failure('CONFIG_INVALID', { report: `${key}: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}` }, error)
  }
}

function keysIn(key: string, file: string): JSONWebKeySet {
  try {
    const keys = JSON.parse(fileOf(key, file)) as JSONWebKeySet
    createLocalJWKSet(keys)
    return keys
  } catch (error) {
    if (error instanceof SyntaxError || (error as { code?: string }).code === 'ERR_JWKS_INVALID') throw failure('CONFIG_INVALID', { report: `${key}: ${file} is no set of keys (JWKS): ${error instanceof Error ? error.message : ''}` }, error)
    throw error
  }
}
