// DKIM keys (RFC 6376, 8463): one or two per domain, the newest of each algorithm signs; older ones stay published until removed.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { failure, type Database } from '@restante/core'

export const algorithms = ['rsa', 'ed25519'] as const
export type Algorithm = (typeof algorithms)[number]
export interface Key { readonly domain: string; readonly selector: string; readonly algorithm: Algorithm; readonly privateKey: string; readonly createdAt: number }

/** A new key needs time to be seen in DNS before it may sign. */
const settleMs = 3_600_000

export class Keys {
  #known: readonly Key[] | undefined
  constructor(private readonly parts: { readonly database: Database; readonly now: () => number }) {}

  async all(): Promise<readonly Key[]> {
    return this.#known ??= (await this.parts.database.read.all('SELECT domain, selector, algorithm, private_key, created_at FROM smtp_relay_keys ORDER BY domain, created_at, selector'))
      .map((row) => ({ domain: row.domain, selector: row.selector, algorithm: row.algorithm, privateKey: row.private_key, createdAt: row.created_at }))
  }

  /** Those that sign for a domain: of each algorithm the newest that has settled, or the only one. */
  async signing(domain: string): Promise<readonly Key[]> {
    const own = (await this.all()).filter((key) => key.domain === domain.toLowerCase())
    return algorithms.flatMap((algorithm) => {
      const some = own.filter((key) => key.algorithm === algorithm)
      return some.filter((key) => key.createdAt <= this.parts.now() - settleMs).at(-1) ?? some[0] ?? []
    })
  }

  async create(domain: string, algorithm: Algorithm): Promise<Key> {
    const now = this.parts.now()
    const { privateKey } = algorithm === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
    const key: Key = {
      domain: domain.toLowerCase(), algorithm, createdAt: now, selector: `r${new Date(now).toISOString().slice(0, 10).replaceAll('-', '')}${algorithm === 'rsa' ? '' : 'e'}${randomBytes(2).toString('hex')}`,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
    await this.parts.database.write((tx) => tx.run('INSERT INTO smtp_relay_keys (domain, selector, algorithm, private_key, created_at) VALUES (?, ?, ?, ?, ?)', [key.domain, key.selector, algorithm, key.privateKey, now]))
    this.#known = undefined
    return key
  }

  async remove(domain: string, selector: string): Promise<void> {
    const gone = await this.parts.database.write((tx) => tx.all('DELETE FROM smtp_relay_keys WHERE domain = ? AND selector = ? RETURNING selector', [domain.toLowerCase(), selector]))
    this.#known = undefined
    if (gone.length === 0) throw failure('NOT_PERMITTED', { what: `removing ${selector} of ${domain}: there is no such key` })
  }
}

/** What DNS must say (RFC 6376 3.6.1). */
export function recordOf({ domain, selector, algorithm, privateKey }: Key): { readonly name: string; readonly text: string } {
  const key = createPublicKey(createPrivateKey(privateKey)).export({ type: 'spki', format: 'der' })
  // Ed25519: the 32 octets alone (RFC 8463 4).
  const text = algorithm === 'rsa' ? `v=DKIM1; k=rsa; p=${key.toString('base64')}` : `v=DKIM1; k=ed25519; p=${key.subarray(-32).toString('base64')}`
  return { name: `${selector}._domainkey.${domain}`, text }
}
