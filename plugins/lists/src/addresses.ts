// The SMTP front end of our lists (im2000.md G8): addresses that post. Only these, and only to our own lists (H25).
import { failure, type Accounts, type Database } from '@restante/core'

export class ListAddresses {
  #known: Map<string, string> | undefined
  constructor(private readonly parts: { readonly database: Database; readonly accounts: Accounts }) {}

  /** The list that an address posts to. */
  async listOf(address: string): Promise<string | undefined> {
    return (await this.all()).get(folded(address))
  }
  async all(): Promise<ReadonlyMap<string, string>> {
    return this.#known ??= new Map((await this.parts.database.read.all<{ address: string; list: string }>('SELECT address, list FROM lists_addresses ORDER BY address')).map((row) => [row.address, row.list]))
  }
  /** Throws NOT_LOCAL for a domain that is not ours, ADDRESS_EXISTS for one that is somebody's already. */
  async add(address: string, list: string): Promise<void> {
    const { kind } = await this.parts.accounts.resolve(address)
    if (kind === 'foreign') throw failure('NOT_LOCAL', { address })
    if (kind === 'account' || await this.listOf(address) !== undefined) throw failure('ADDRESS_EXISTS', { address })
    await this.parts.database.write((tx) => tx.run('INSERT INTO lists_addresses (address, list) VALUES (?, ?)', [folded(address), list]))
    this.#known = undefined
  }
  /** Throws ADDRESS_NOT_FOUND. */
  async remove(address: string): Promise<void> {
    const gone = await this.parts.database.write((tx) => tx.all('DELETE FROM lists_addresses WHERE address = ? RETURNING list', [folded(address)]))
    this.#known = undefined
    if (gone.length === 0) throw failure('ADDRESS_NOT_FOUND', { address })
  }
  forget(): void {
    this.#known = undefined
  }
}

/** As mailboxes compare (im2000.md E.4). */
const folded = (address: string): string => address.normalize('NFC').toLowerCase()
