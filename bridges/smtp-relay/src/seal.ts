// ARC (RFC 8617) on forwarded mail: what we found when it came, sealed with the key of the domain that forwards, so that the next
// server may believe us when its own checks fail. The seal goes out; stored octets stay as they are.
import { splitFields, type Log } from '@restante/core'
import { arc, createSeal } from 'mailauth/lib/arc/index.js'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import type { Readable } from 'node:stream'
import type { Key } from './keys.js'

export interface SealParts {
  readonly hostname: string
  readonly resolve: (name: string, type: string) => Promise<unknown>
  readonly now: () => number
  readonly log: Log
}

/** More signatures are not checked: nobody honest has so many. */
const mostSignatures = 20

/** Header lines with CRLF, '' when it cannot be sealed. */
export function makeSeal({ hostname, resolve, now, log }: SealParts) {
  return async (header: string, key: Key, body: () => Buffer | Readable): Promise<string> => {
    const fields = splitFields(header)
    if (fields.filter(({ name }) => name === 'dkim-signature' || name === 'arc-message-signature').length > mostSignatures) return ''
    try {
      const seal = { signingDomain: key.domain, selector: key.selector, privateKey: key.privateKey, algorithm: 'rsa-sha256' }
      const verified = await dkimVerify(body(), { seal, resolver: resolve })
      const chain = await arc(verified.arc, { resolver: resolve })
      const { result, shouldSeal } = chain.status
      if (result !== 'none' && result !== 'pass' && !shouldSeal) return ''
      const { headers } = await createSeal(false, {
        headers: verified.headers, arc: verified.arc,
        seal: { i: (chain.i || 0) + 1, cv: result, authResults: found(fields, hostname), signTime: new Date(now()), ...verified.seal },
      })
      return headers.map((line) => `${line}\r\n`).join('')
    } catch (error) {
      log.warn({ err: error, domain: key.domain }, 'a forwarded message could not be sealed (ARC)')
      return ''
    }
  }
}

/** Our own Authentication-Results, which only we can have written (RFC 8601 5). */
function found(fields: ReturnType<typeof splitFields>, hostname: string): string {
  const own = fields.find(({ name, value }) => name === 'authentication-results' && value.trim().toLowerCase().startsWith(`${hostname.toLowerCase()};`))
  return own ? own.value.trim() : `${hostname}; none`
}
