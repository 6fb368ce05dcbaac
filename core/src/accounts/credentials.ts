// What is kept of a password: SCRAM-SHA-256 keys (RFC 5802, RFC 7677). PLAIN and LOGIN are checked against the same keys.
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import saslprep from 'saslprep'
import type { Random } from '../base/random.js'

export interface Credentials {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

const derive = promisify(pbkdf2)
export const hmac = (key: Buffer, text: string | Buffer): Buffer => createHmac('sha256', key).update(text).digest()
export const hash = (octets: Buffer): Buffer => createHash('sha256').update(octets).digest()

/** SASLprep (RFC 4013), or the text itself where it has characters that SASLprep does not know: then it still compares with itself. */
export function prepare(password: string): string {
  try {
    return saslprep(password, { allowUnassigned: true })
  } catch {
    return password
  }
}

const saltedPassword = (password: string, salt: Buffer, iterations: number): Promise<Buffer> => derive(prepare(password), salt, iterations, 32, 'sha256')

/** Keys for a new password. `iterations` is the cost of every guess, and of every login that is not remembered. */
export async function makeCredentials(password: string, iterations: number, random: Random): Promise<Credentials> {
  const salt = Buffer.from(random.octets(16))
  const salted = await saltedPassword(password, salt, iterations)
  return { salt, iterations, storedKey: hash(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') }
}

/** Whether the password is the one that the keys were made from. Takes the same time either way. */
export async function verify(password: string, credentials: Credentials): Promise<boolean> {
  const salted = await saltedPassword(password, credentials.salt, credentials.iterations)
  return timingSafeEqual(hash(hmac(salted, 'Client Key')), credentials.storedKey)
}

/** Text form for import and export: `SCRAM-SHA-256$iterations:salt$storedKey:serverKey`, as Dovecot and PostgreSQL write it. */
export const formatCredentials = (c: Credentials): string =>
  `SCRAM-SHA-256$${c.iterations}:${c.salt.toString('base64')}$${c.storedKey.toString('base64')}:${c.serverKey.toString('base64')}`

/** The reverse; undefined when it is not that form. Accepts Dovecot's `{SCRAM-SHA-256}iterations,salt,stored,server` too. */
export function parseCredentials(text: string): Credentials | undefined {
  const match = /^SCRAM-SHA-256\$(\d{1,9}):([\w+/=]+)\$([\w+/=]+):([\w+/=]+)$/.exec(text) ?? /^\{SCRAM-SHA-256\}(\d{1,9}),([\w+/=]+),([\w+/=]+),([\w+/=]+)$/.exec(text)
  if (!match) return undefined
  const [salt, storedKey, serverKey] = [match[2], match[3], match[4]].map((part) => Buffer.from(part, 'base64'))
  const iterations = Number(match[1])
  return storedKey.length === 32 && serverKey.length === 32 && salt.length > 0 && iterations >= 1 ? { salt, iterations, storedKey, serverKey } : undefined
}
