// Annotations of mailboxes and of the server (RFC 5464), and the keys that authorise URLs into mailboxes (RFC 4467): small values
// by name. A private one is its reader's own, a shared one is the mailbox's.
import type { AccountId, MailboxId } from '../base/branded.js'
import type { Database, Transaction } from '../database/connect.js'
import { failure } from '../errors/codes.js'

/** The server itself, as a mailbox. */
export const serverItself = 0 as MailboxId
/** Whose shared annotations are. */
const everybody = 0 as AccountId

export interface AnnotationLimits {
  /** Octets of one value. */
  readonly octets: number
  /** Annotations of one mailbox (or of the server) that one account sees: private and shared ones each. */
  readonly count: number
}
/** Values by name (`/private/comment`), in lower case. */
export type AnnotationValues = ReadonlyMap<string, Buffer>
/** null removes. */
export type AnnotationChanges = ReadonlyMap<string, Buffer | null>

const ownerOf = (account: AccountId, name: string): AccountId => (name.startsWith('/shared/') ? everybody : account)

export class Annotations {
  readonly #database: Database
  constructor(database: Database, readonly limits: AnnotationLimits) { this.#database = database }

  /** All that an account sees of several mailboxes: one query. */
  async read(account: AccountId, mailboxes: readonly MailboxId[]): Promise<ReadonlyMap<MailboxId, AnnotationValues>> {
    const { read } = this.#database
    const found = new Map<MailboxId, Map<string, Buffer>>()
    if (mailboxes.length === 0) return found
    const rows = await read.all<{ mailbox: MailboxId; name: string; value: Buffer }>(
      `SELECT mailbox, name, value FROM annotations WHERE owner IN (?, ?) AND ${read.dialect.oneOf('mailbox')} ORDER BY name`, [everybody, account, read.dialect.list(mailboxes)])
    for (const { mailbox, name, value } of rows) {
      const known = found.get(mailbox)
      if (known) known.set(name, value)
      else found.set(mailbox, new Map([[name, value]]))
    }
    return found
  }

  /** All or nothing. Throws ANNOTATION_TOO_LARGE, TOO_MANY_ANNOTATIONS. */
  async write(tx: Transaction, account: AccountId, mailbox: MailboxId, changes: AnnotationChanges): Promise<void> {
    const { octets, count } = this.limits
    const gone: string[] = []
    const kept: (readonly [number, number, string, Buffer])[] = []
    for (const [name, value] of changes) {
      if (value === null) gone.push(name)
      else kept.push([ownerOf(account, name), mailbox, name, value])
      if (value !== null && value.length > octets) throw failure('ANNOTATION_TOO_LARGE', { limit: octets })
    }
    for (const owner of [everybody, account]) {
      const names = gone.filter((name) => ownerOf(account, name) === owner)
      if (names.length > 0) await tx.run(`DELETE FROM annotations WHERE owner = ? AND mailbox = ? AND ${tx.dialect.oneOfText('name')}`, [owner, mailbox, tx.dialect.list(names)])
    }
    if (kept.length === 0) return
    await tx.run(
      `INSERT INTO annotations (owner, mailbox, name, value) SELECT r.owner, r.mailbox, r.name, r.value FROM ${tx.dialect.rows({ owner: 'int', mailbox: 'int', name: 'text', value: 'bytes' })} AS r WHERE 1 = 1
       ON CONFLICT (owner, mailbox, name) DO UPDATE SET value = excluded.value`, [tx.dialect.rowsValue(kept)])
    const many = await tx.all<{ owner: number }>(`SELECT owner FROM annotations WHERE mailbox = ? AND owner IN (?, ?) GROUP BY owner HAVING count(*) > ?`, [mailbox, everybody, account, count])
    if (many.length > 0) throw failure('TOO_MANY_ANNOTATIONS', { limit: count })
  }

  /** The key that authorises an account's URLs into a mailbox; made by `make` when there is none. */
  async key(account: AccountId, mailbox: MailboxId, make?: () => Buffer): Promise<Buffer | undefined> {
    const sql = 'SELECT secret FROM mailbox_keys WHERE account = ? AND mailbox = ?'
    const known = await this.#database.read.get<{ secret: Buffer }>(sql, [account, mailbox])
    if (known || !make) return known?.secret
    return this.#database.write(async (tx) => {
      await tx.run('INSERT INTO mailbox_keys (account, mailbox, secret) VALUES (?, ?, ?) ON CONFLICT (account, mailbox) DO NOTHING', [account, mailbox, make()])
      return (await tx.get<{ secret: Buffer }>(sql, [account, mailbox]))!.secret
    })
  }

  /** Makes every URL worthless that was authorised for a mailbox, or for all of an account's. */
  async forgetKeys(account: AccountId, mailbox: MailboxId | undefined): Promise<void> {
    await this.#database.write((tx) => tx.run(`DELETE FROM mailbox_keys WHERE account = ?${mailbox === undefined ? '' : ' AND mailbox = ?'}`, mailbox === undefined ? [account] : [account, mailbox]))
  }
}

/** In the commit that deletes a mailbox. */
export async function forgetMailbox(tx: Transaction, mailbox: MailboxId): Promise<void> {
  await tx.run('DELETE FROM annotations WHERE mailbox = ?', [mailbox])
  await tx.run('DELETE FROM mailbox_keys WHERE mailbox = ?', [mailbox])
}

/** In the commit that deletes an account: what it noted for itself anywhere. */
export async function forgetAccount(tx: Transaction, account: AccountId): Promise<void> {
  await tx.run('DELETE FROM annotations WHERE owner = ?', [account])
  await tx.run('DELETE FROM mailbox_keys WHERE account = ?', [account])
}
