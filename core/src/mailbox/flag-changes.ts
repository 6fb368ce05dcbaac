// STORE inside the commit (RFC 3501 6.4.6, RFC 7162 3.1.3): which flags, keywords and own marks change, who is told, and when. What
// sessions change at the same time is written together.
import type { AccountId, MailboxId, Modseq, RecipientId, Uid } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Batch, Database, Row, Transaction } from '../database/connect.js'
import type { Bus } from '../events/bus.js'
import { flagBits, type FlagChange } from './contract.js'
import type { Change, Feed } from './feed.js'
import { changeKeywords, checkKeywords, type KeywordSets } from './flags.js'
import type { KeywordSet } from './mailbox-index.js'
import { flagMask, rightsTo } from './permitted.js'
import type { Pins } from './ports.js'
import { manyRows, readMany, rounds, span, touchAll, writeOwnSeen, type Advanced, type MailboxRow } from './repository.js'
import { right } from './rights.js'

export interface FlagChangesParts {
  readonly database: Database
  readonly keywords: KeywordSets
  readonly pins: Pins
  readonly feed: Feed
  readonly bus: Bus
  readonly clock: Clock
  readonly maxKeywords: number
}
export interface FlagWrite {
  readonly row: MailboxRow
  /** Ascending where `all` says so. */
  readonly uids: readonly Uid[]
  /** They are all messages of the mailbox between the first and the last. */
  readonly all?: boolean
  readonly change: FlagChange
}
/** The modseq of the change, and the UIDs whose flags it changed. */
export interface Flagged { readonly modseq: Modseq; readonly uids: readonly Uid[] }

interface Entry { readonly mailbox: MailboxId; readonly uid: Uid; readonly flags: number; readonly keywords: KeywordSet; readonly recipient: RecipientId | null }
const { '\\Seen': seen, '\\Deleted': deleted } = flagBits

/** Answers what writes a change, and resolves after the commit. */
export function makeFlagChanges(parts: FlagChangesParts): (write: FlagWrite) => Promise<Flagged> {
  const together: Batch<FlagWrite, Flagged> = {
    name: 'store',
    async write(tx, items) {
      const answers = new Map<FlagWrite, Flagged>()
      for (const round of rounds(items)) {
        const flagged = await changeShared(parts, tx, round.map((item) => plan(item)))
        round.forEach((item, i) => answers.set(item, flagged[i]))
      }
      return items.map((item) => answers.get(item)!)
    },
  }
  return (write) => {
    const { viewer } = write.row
    return viewer === undefined ? parts.database.writeBatched(together, write) : parts.database.write((tx) => changeWithOwnSeen(parts, tx, write, viewer))
  }
}

/** A change without what its author may not change, and what it does to bits. */
interface Plan extends FlagWrite {
  readonly add: number
  readonly clear: number
  readonly clearKeywords: boolean
  /** What concerns the author alone. */
  readonly own?: Change['own']
}

/** @param except flags that are left as they are */
function plan({ row, uids, all, change }: FlagWrite, except = 0): Plan {
  const rights = rightsTo(row)
  const mask = flagMask(rights) & ~except
  const flags = change.flags & mask
  const keywordsToo = (rights & right.w) !== 0
  const { mode } = change
  return {
    row, uids, ...(all === undefined ? {} : { all }), change: { ...change, flags, keywords: keywordsToo ? change.keywords : [] },
    add: mode === 'remove' ? 0 : flags, clear: mode === 'remove' ? flags : mode === 'replace' ? mask & ~flags : 0, clearKeywords: keywordsToo && mode === 'replace',
  }
}

/** Changes that each concern another mailbox: one set of statements. Answers in their order. */
async function changeShared(parts: FlagChangesParts, tx: Transaction, plans: readonly Plan[]): Promise<Flagged[]> {
  const states = await touchAll(tx, plans.map(({ row }) => row.id))
  const [named, bare] = [plans.filter(({ change }) => change.keywords.length > 0), plans.filter(({ change }) => change.keywords.length === 0)]
  const flagged = new Map<MailboxId, Entry[]>(plans.map(({ row }) => [row.id, []]))
  // Many messages of one mailbox are quicker by themselves than in a list with others.
  const [many, few] = [bare.filter(({ uids }) => uids.length > manyRows), bare.filter(({ uids }) => uids.length <= manyRows)]
  for (const one of many) flagged.set(one.row.id, await writeBits(tx, [one], states))
  for (const entry of [...await writeBits(tx, few, states), ...await writeKeywords(parts, tx, named, states)]) flagged.get(entry.mailbox)!.push(entry)
  for (const entries of flagged.values()) entries.sort((a, b) => a.uid - b.uid)
  await parts.pins.read(tx, plans.filter(({ change }) => change.mode !== 'remove' && (change.flags & seen) !== 0).flatMap(({ row }) => flagged.get(row.id)!.flatMap((entry) => entry.recipient ?? [])))
  return plans.map((one) => told(parts, tx, one, states.get(one.row.id)!, flagged.get(one.row.id)!))
}

type States = ReadonlyMap<MailboxId, Advanced>
/** For a change that asks for no modseq. */
const whatever = Number.MAX_SAFE_INTEGER

/** Writes what differs; answers those entries. A change that is alone names its UIDs in a list: they may be all of a mailbox. */
async function writeBits(tx: Transaction, plans: readonly Plan[], states: States): Promise<Entry[]> {
  const { dialect } = tx
  if (plans.length === 0) return []
  if (plans.length === 1) {
    const [{ row, uids, all, change: { unchangedSince: since = whatever }, add, clear, clearKeywords }] = plans
    const { modseq } = states.get(row.id)!
    const after = `((flags | ${add}) & ${31 & ~clear})`
    const [where, which] = all ? ['mailbox = ? AND uid BETWEEN ? AND ?', [row.id, uids[0], uids[uids.length - 1]]] as const : [`mailbox = ? AND ${dialect.oneOf('uid')}`, [row.id, dialect.list(uids)]] as const
    const update = `UPDATE entries SET flags = ${after}, ${clearKeywords ? 'keywords = 0, ' : ''}modseq = ? WHERE ${where} AND modseq <= ? AND (flags <> ${after}${clearKeywords ? ' OR keywords <> 0' : ''})`
    if (uids.length <= manyRows) return tx.all(`${update} RETURNING mailbox, uid, flags, keywords, recipient`, [modseq, ...which, since])
    await tx.run(update, [modseq, ...which, since])
    // Nothing else has this modseq.
    return readMany<Entry & Row>(tx, ['mailbox', 'uid', 'flags', 'keywords', 'recipient'], `FROM entries WHERE ${where} AND modseq = ?`, [...which, modseq])
  }
  const after = '((entries.flags | r.adds) & ~r.clears)'
  return tx.all(
    `UPDATE entries SET flags = ${after}, keywords = entries.keywords * r.keeps, modseq = r.modseq
     FROM ${dialect.rows({ mailbox: 'int', uid: 'int', adds: 'int', clears: 'int', keeps: 'int', modseq: 'int', since: 'int' })} AS r
     WHERE entries.mailbox = r.mailbox AND entries.uid = r.uid AND entries.modseq <= r.since AND (entries.flags <> ${after} OR entries.keywords <> entries.keywords * r.keeps)
     RETURNING entries.mailbox, entries.uid, entries.flags, entries.keywords, entries.recipient`,
    [dialect.rowsValue(plans.flatMap(({ row, uids, change, add, clear, clearKeywords }) => uids.map((uid) => [row.id, uid, add, clear, clearKeywords ? 0 : 1, states.get(row.id)!.modseq, change.unchangedSince ?? whatever])))])
}

/** Few different sets of keywords, however many messages: each is changed once. */
async function writeKeywords({ keywords, maxKeywords }: FlagChangesParts, tx: Transaction, plans: readonly Plan[], states: States): Promise<Entry[]> {
  const { dialect } = tx
  if (plans.length === 0) return []
  const before = await tx.all<Entry>(
    `SELECT e.mailbox, e.uid, e.flags, e.keywords, e.recipient FROM ${dialect.rows({ mailbox: 'int', uid: 'int', since: 'int' })} AS r JOIN entries e ON e.mailbox = r.mailbox AND e.uid = r.uid WHERE e.modseq <= r.since`,
    [dialect.rowsValue(plans.flatMap(({ row, uids, change }) => uids.map((uid) => [row.id, uid, change.unchangedSince ?? whatever])))])
  await keywords.load(before.map((entry) => entry.keywords))
  const planned = new Map(plans.map((one) => [one.row.id, { ...one, sets: new Map<KeywordSet, KeywordSet>() }]))
  const after: Entry[] = []
  for (const entry of before) {
    const { change, add, clear, sets } = planned.get(entry.mailbox)!
    if (!sets.has(entry.keywords)) {
      const names = changeKeywords(keywords.names(entry.keywords), change.mode, change.keywords)
      checkKeywords(names, maxKeywords)
      sets.set(entry.keywords, await keywords.intern(tx, names))
    }
    const changed = { ...entry, flags: (entry.flags | add) & ~clear, keywords: sets.get(entry.keywords)! }
    if (changed.flags !== entry.flags || changed.keywords !== entry.keywords) after.push(changed)
  }
  if (after.length > 0) {
    await tx.run(`UPDATE entries SET flags = r.flags, keywords = r.keywords, modseq = r.modseq FROM ${dialect.rows({ mailbox: 'int', uid: 'int', flags: 'int', keywords: 'int', modseq: 'int' })} AS r WHERE entries.mailbox = r.mailbox AND entries.uid = r.uid`,
      [dialect.rowsValue(after.map((entry) => [entry.mailbox, entry.uid, entry.flags, entry.keywords, states.get(entry.mailbox)!.modseq]))])
  }
  return after
}

/** Where \Seen is each member's own, it goes into rows of its own, and the rest to the entries; one commit, one modseq. */
async function changeWithOwnSeen(parts: FlagChangesParts, tx: Transaction, write: FlagWrite, viewer: AccountId): Promise<Flagged> {
  const { row, uids, change } = write
  const touches = (change.mode === 'replace' || (change.flags & seen) !== 0) && (flagMask(rightsTo(row)) & seen) !== 0
  const before = await tx.all<{ uid: Uid; seen: number; modseq: Modseq; own: Modseq | null; recipient: RecipientId | null }>(
    `SELECT e.uid, coalesce(o.seen, e.flags & 1) AS seen, e.modseq, o.modseq AS own, e.recipient FROM entries e
     LEFT JOIN own_seen o ON o.mailbox = e.mailbox AND o.account = ? AND o.uid = e.uid WHERE e.mailbox = ? AND ${tx.dialect.oneOf('e.uid')}`, [viewer, row.id, tx.dialect.list(uids)])
  const passing = before.filter((entry) => Math.max(entry.modseq, entry.own ?? 0) <= (change.unchangedSince ?? whatever))
  const after = change.mode === 'replace' ? (change.flags & seen) !== 0 : change.mode === 'add'
  const marked = touches ? passing.filter((entry) => (entry.seen === 1) !== after) : []
  if (after) await parts.pins.read(tx, marked.flatMap((entry) => entry.recipient ?? []))
  const own = marked.map(({ uid }) => ({ uid, seen: after })).sort((a, b) => a.uid - b.uid)
  const { unchangedSince: _checked, ...rest } = change
  const [shared] = await changeShared(parts, tx, [{ ...plan({ row, uids: passing.map(({ uid }) => uid), change: rest }, seen), own: { account: viewer, rows: own } }])
  await writeOwnSeen(tx, own.map((entry) => ({ ...entry, mailbox: row.id, account: viewer, modseq: shared.modseq })))
  return { modseq: shared.modseq, uids: [...new Set([...shared.uids, ...own.map(({ uid }) => uid)])] }
}

/** What is told after the commit. */
function told({ feed, bus, clock }: FlagChangesParts, tx: Transaction, { row, change, own }: Plan, state: Advanced, flagged: readonly Entry[]): Flagged {
  const uids = flagged.map(({ uid }) => uid)
  tx.afterCommit(() => feed.tell({ mailbox: row.id, ...span(state), flagged, ...(own ? { own } : {}) }))
  const event = ({ mode, flags, keywords }: FlagChange, of: readonly Uid[], account: AccountId): void => {
    const common = { account, mailbox: row.id, mailboxName: row.name, uids: of }
    const names = [...Object.entries(flagBits).filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name), ...keywords]
    tx.afterCommit(() => {
      const at = clock.now()
      if (mode !== 'remove' && (flags & seen) !== 0) bus.tell({ type: 'MessageRead', at, ...common })
      if (mode !== 'remove' && (flags & deleted) !== 0) bus.tell({ type: 'MessageTrash', at, ...common })
      bus.tell({ type: mode === 'remove' ? 'FlagsClear' : 'FlagsSet', at, flags: names, ...common })
    })
  }
  if (uids.length > 0) event(change, uids, row.account)
  if (own && own.rows.length > 0) event({ mode: own.rows[0].seen ? 'add' : 'remove', flags: seen, keywords: [] }, own.rows.map(({ uid }) => uid), own.account)
  return { modseq: state.modseq, uids }
}
