// What a user's hand files (APPEND, REPLACE): octets made ready before the commit, rows written inside it.
import type { MessageId } from '../base/branded.js'
import type { BlobStore, Prepared } from '../blobs/blob-store.js'
import type { Clock } from '../base/clock.js'
import type { Quota } from '../accounts/quota.js'
import type { Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import type { Bus } from '../events/bus.js'
import type { Messages } from '../store/messages.js'
import type { Filed, Filing } from './contract.js'
import type { Feed } from './feed.js'
import type { KeywordSets } from './flags.js'
import { allowedFlags, mayFlag } from './permitted.js'
import { fileEntries, usageOf, type MailboxRow, type Placement } from './repository.js'

export interface AppendParts {
  readonly messages: Messages
  readonly blobs: BlobStore
  readonly keywords: KeywordSets
  readonly quota: Quota
  readonly feed: Feed
  readonly bus: Bus
  readonly clock: Clock
  /** A stored name as clients see it. */
  readonly shown: (stored: string) => string
}
export type Ready = Filing & { readonly prepared: Prepared }
export interface Appending { readonly row: MailboxRow; readonly messages: readonly Ready[] }

/** Makes octets ready, and forgets them again when `commit` fails. */
export async function withPrepared<T>({ blobs }: AppendParts, filings: readonly Filing[], commit: (ready: readonly Ready[]) => Promise<T>): Promise<T> {
  const ready: Ready[] = []
  try {
    for (const filing of filings) ready.push({ ...filing, prepared: await blobs.prepare(filing.spooled) })
    return await commit(ready)
  } catch (error) {
    for (const { prepared } of ready) await blobs.discard(prepared, error)
    throw error
  }
}

/** APPEND of several sessions in one set of statements. */
export async function writeAppends(parts: AppendParts, tx: Transaction, items: readonly Appending[]): Promise<Filed[]> {
  const { messages, keywords, quota, feed, bus, clock, shown } = parts
  const all = items.flatMap((item) => item.messages.map((message) => ({ row: item.row, message })))
  const now = clock.now()
  const { messages: first } = await allocate(tx, { messages: all.length })
  await messages.insert(tx, all.map(({ message }, i) => ({ id: first + i as MessageId, prepared: message.prepared, summary: message.spooled.summary })), now)
  const placements: Placement[] = []
  for (const [i, { row, message }] of all.entries()) {
    placements.push({
      mailbox: row.id, message: first + i as MessageId, flags: allowedFlags(row, message.flags), keywords: mayFlag(row) ? await keywords.intern(tx, message.keywords) : 0, size: message.spooled.size,
      internalDate: message.internalDate ?? now, recipient: null, ...(row.viewer === undefined ? {} : { seenBy: row.viewer }),
    })
  }
  const { changes, uids } = await fileEntries(tx, placements, now)
  const usage = items.map((item) => usageOf(item.row.account, item.messages.map((message) => message.spooled), 1))
  tx.afterCommit(() => {
    quota.changed(usage)
    for (const change of changes) feed.tell(change)
  })
  let at = 0
  return items.map((item) => {
    const own = uids.slice(at, at += item.messages.length)
    tx.afterCommit(() => bus.tell({ type: 'MessageAppend', account: item.row.account, at: now, mailbox: item.row.id, mailboxName: shown(item.row.name), uids: own }))
    return { uidValidity: item.row.uidValidity, uids: own }
  })
}
