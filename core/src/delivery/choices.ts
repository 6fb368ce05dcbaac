// What accounts want of mail that lies at other stores: the configuration's settings, and what an account has otherwise.
import type { AccountId } from '../base/branded.js'
import type { Database } from '../database/connect.js'

export interface RetrievalChoice {
  /** 'native': the account's own IM2000 reader collects; nothing is filed. */
  readonly collect: 'gateway' | 'native'
  /** Octets up to which a message is fetched as soon as it is announced. */
  readonly eagerUpTo: number
  readonly keepAfterRead: boolean
}
/** null: as configured; undefined: as it was. */
export type ChoiceChange = { readonly [K in keyof RetrievalChoice]?: RetrievalChoice[K] | null }

export class RetrievalChoices {
  readonly #database: Database
  readonly #configured: RetrievalChoice
  /** Accounts that want it otherwise: few. */
  readonly #own = new Map<AccountId, Partial<RetrievalChoice>>()
  #loaded: Promise<void> | undefined

  constructor({ database, configured }: { database: Database; configured: RetrievalChoice }) {
    this.#database = database
    this.#configured = configured
  }

  async of(account: AccountId): Promise<RetrievalChoice> {
    await this.#load()
    return { ...this.#configured, ...this.#own.get(account) }
  }

  async set(account: AccountId, change: ChoiceChange): Promise<void> {
    await this.#load()
    const own: Record<string, unknown> = { ...this.#own.get(account) }
    for (const [key, value] of Object.entries(change)) {
      if (value === null) delete own[key]
      else if (value !== undefined) own[key] = value
    }
    const { collect, eagerUpTo, keepAfterRead } = own as Partial<RetrievalChoice>
    await this.#database.write((tx) => tx.run(
      `INSERT INTO retrieval_choices (account, collect, eager_up_to, keep_after_read) VALUES (?, ?, ?, ?)
       ON CONFLICT (account) DO UPDATE SET collect = excluded.collect, eager_up_to = excluded.eager_up_to, keep_after_read = excluded.keep_after_read`,
      [account, collect ?? null, eagerUpTo ?? null, keepAfterRead === undefined ? null : Number(keepAfterRead)]))
    this.#own.set(account, own)
  }

  async removeAll(tx: { run(sql: string, values: readonly number[]): Promise<void>; afterCommit(run: () => void): void }, account: AccountId): Promise<void> {
    await tx.run('DELETE FROM retrieval_choices WHERE account = ?', [account])
    tx.afterCommit(() => { this.#own.delete(account) })
  }

  /** A condition of SQL on notifications `n`: those that the gateway collects. */
  get collected(): string {
    const other = this.#configured.collect === 'gateway' ? 'native' : 'gateway'
    return `${other === 'native' ? 'NOT ' : ''}EXISTS (SELECT 1 FROM retrieval_choices c WHERE c.account = n.account AND c.collect = '${other}')`
  }

  #load(): Promise<void> {
    return this.#loaded ??= this.#database.read.all('SELECT * FROM retrieval_choices').then((rows) => {
      for (const row of rows) {
        this.#own.set(row.account, {
          ...(row.collect === null ? {} : { collect: row.collect }), ...(row.eager_up_to === null ? {} : { eagerUpTo: row.eager_up_to }),
          ...(row.keep_after_read === null ? {} : { keepAfterRead: row.keep_after_read === 1 }),
        })
      }
    }).catch((error: unknown) => {
      this.#loaded = undefined
      throw error
    })
  }
}
