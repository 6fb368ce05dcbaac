// The lists that are shown, as rows and in memory: where each is from, its mailbox, how far it was read, who sees it.
import type { Access, AccountId, Database, Lists, MailboxId, SeenMailbox } from '@restante/core'

export interface Source {
  /** Domain of the store; '' for ours. */
  readonly store: string
  readonly list: string
  readonly mailbox: MailboxId
  /** Seconds: the begintime of the next look (im2000.md D59). */
  endtime: number
  /** Of lists elsewhere. */
  readonly subscribers: Set<AccountId>
  unusedSince: number | null
}

export interface SourcesParts { readonly database: Database; readonly lists: Lists; readonly root: string }

export class Sources {
  readonly #sources = new Map<string, Source>()
  readonly #readers = new Map<string, Access>()
  readonly #seen = new Map<AccountId, readonly SeenMailbox[]>()
  constructor(private readonly parts: SourcesParts) {}

  /** Once, before anything else. */
  async load(): Promise<void> {
    const { database } = this.parts
    const [rows, subscribers] = await Promise.all([
      database.read.all('SELECT store, list, mailbox, endtime, unused_since FROM lists_sources'),
      database.read.all<{ store: string; list: string; account: AccountId }>('SELECT store, list, account FROM lists_subscribers'),
    ])
    for (const row of rows) this.#sources.set(keyOf(row.store, row.list), { store: row.store, list: row.list, mailbox: row.mailbox, endtime: row.endtime, subscribers: new Set(), unusedSince: row.unused_since })
    for (const { store, list, account } of subscribers) this.find(store, list)?.subscribers.add(account)
  }
  /** Our lists, and who reads them: again after each change. */
  async loadRules(): Promise<void> {
    const all = await this.parts.lists.all()
    this.#readers.clear()
    for (const { name, readers } of all) this.#readers.set(name, readers)
    this.#seen.clear()
  }

  all(): readonly Source[] {
    return [...this.#sources.values()]
  }
  find(store: string, list: string): Source | undefined {
    return this.#sources.get(keyOf(store, list))
  }
  /** Our lists, whether shown already or not. */
  get local(): readonly string[] {
    return [...this.#readers.keys()]
  }
  /** Stored form of the mailbox's name. */
  nameOf({ store, list }: Pick<Source, 'store' | 'list'>): string {
    return store === '' ? `${this.parts.root}/${list}` : `${this.parts.root}/${store}/${list}`
  }

  seen(account: AccountId): readonly SeenMailbox[] {
    const known = this.#seen.get(account)
    if (known) return known
    const made = this.all().filter((source) => (source.store === '' ? permits(this.#readers.get(source.list), account) : source.subscribers.has(account)))
      .map((source): SeenMailbox => ({ mailbox: source.mailbox, name: this.nameOf(source), readOnly: true }))
    if (this.#seen.size > 20_000) this.#seen.clear()
    this.#seen.set(account, made)
    return made
  }
  subscriptionsOf(account: AccountId): number {
    return this.all().filter((source) => source.subscribers.has(account)).length
  }

  async add(store: string, list: string, mailbox: MailboxId, endtime: number): Promise<Source> {
    await this.parts.database.write((tx) => tx.run('INSERT INTO lists_sources (store, list, mailbox, endtime) VALUES (?, ?, ?, ?) ON CONFLICT (store, list) DO UPDATE SET mailbox = excluded.mailbox', [store, list, mailbox, endtime]))
    const known = this.find(store, list)
    const source: Source = { store, list, mailbox, endtime: known?.endtime ?? endtime, subscribers: known?.subscribers ?? new Set(), unusedSince: null }
    this.#sources.set(keyOf(store, list), source)
    this.#seen.clear()
    return source
  }
  async subscribe(source: Source, account: AccountId): Promise<void> {
    await this.parts.database.write(async (tx) => {
      await tx.run('INSERT INTO lists_subscribers (store, list, account) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', [source.store, source.list, account])
      await tx.run('UPDATE lists_sources SET unused_since = NULL WHERE store = ? AND list = ?', [source.store, source.list])
    })
    source.subscribers.add(account)
    source.unusedSince = null
    this.#seen.delete(account)
  }
  async unsubscribe(source: Source, account: AccountId, now: number): Promise<void> {
    source.subscribers.delete(account)
    const unused = source.subscribers.size === 0 ? now : null
    await this.parts.database.write(async (tx) => {
      await tx.run('DELETE FROM lists_subscribers WHERE store = ? AND list = ? AND account = ?', [source.store, source.list, account])
      await tx.run('UPDATE lists_sources SET unused_since = ? WHERE store = ? AND list = ?', [unused, source.store, source.list])
    })
    source.unusedSince = unused
    this.#seen.delete(account)
  }
  async remove(source: Source): Promise<void> {
    await this.parts.database.write(async (tx) => {
      for (const table of ['lists_sources', 'lists_subscribers', 'lists_done']) await tx.run(`DELETE FROM ${table} WHERE store = ? AND list = ?`, [source.store, source.list])
    })
    this.#sources.delete(keyOf(source.store, source.list))
    this.#seen.clear()
  }
}

const keyOf = (store: string, list: string): string => `${store}\n${list}`
const permits = (access: Access | undefined, account: AccountId): boolean => access === 'public' || access === 'accounts' || (access?.includes(account) ?? false)
