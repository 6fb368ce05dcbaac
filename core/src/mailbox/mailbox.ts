// One session's open mailbox. Invariants: commit before telling; modseq and UIDs are taken inside the transaction; never
// write to a socket inside one; look again after every wait; an expunged message stays readable to a session not yet told.
import type { MailboxId, MessageId, Modseq, RecipientId, Uid } from '../base/branded.js'
import type { Accounts } from '../accounts/contract.js'
import type { UsageChange } from '../accounts/quota.js'
import type { Database, Row, Transaction } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { EventType } from '../events/bus.js'
import { flagBits, type Copied, type Filed, type Filing, type FlagChange, type FlagResult, type OpenMailbox } from './contract.js'
import type { Change } from './feed.js'
import { letGo, makeExpunges } from './expunges.js'
import { makeFlagChanges } from './flag-changes.js'
import { checkKeywordRoom, checkKeywords } from './flags.js'
import type { Indexes } from './indexes.js'
import type { KeywordSet, LoadedIndex } from './mailbox-index.js'
import { allowedFlags, flagMask, mayFlag, need, rightsTo } from './permitted.js'
import type { Pins } from './ports.js'
import { allRights, right, type RightLetter, type Rights } from './rights.js'
import { withPrepared, writeAppends, type AppendParts } from './append.js'
import { fileEntries, mostExpunged, readExpunged, readMany, removeEntries, span, touch, usageOf, type MailboxRow, type Placement } from './repository.js'
import { makeRecents, type Recents } from './recents.js'
import { SessionView } from './view.js'

export interface MailboxParts extends AppendParts {
  readonly database: Database
  readonly accounts: Accounts
  readonly indexes: Indexes
  readonly pins: Pins
  readonly maxKeywords: number
}
/** And what writes for many sessions at once. */
interface SessionParts extends MailboxParts {
  readonly changeFlags: ReturnType<typeof makeFlagChanges>
  readonly expunge: ReturnType<typeof makeExpunges>
  readonly recents: Recents
}

/** What opens sessions. */
export function makeSessions(parts: MailboxParts): { open(row: MailboxRow, shown: string, readOnly: boolean, resolveTarget: (name: string) => Promise<MailboxRow>): Promise<Session> } {
  const sessions: SessionParts = { ...parts, changeFlags: makeFlagChanges(parts), expunge: makeExpunges(parts), recents: makeRecents(parts) }
  return { open: (row, shown, readOnly, resolveTarget) => Session.open(sessions, row, shown, readOnly, resolveTarget) }
}

interface Source { uid: Uid; message: MessageId; flags: number; keywords: KeywordSet; size: number; internal_date: number; recipient: RecipientId | null }
const { '\\Seen': seen, '\\Deleted': deleted } = flagBits

/** Reports of reading are gathered this long, and to this number. */
const reportMs = 1000
const reportAtOnce = 500

export class Session implements OpenMailbox {
  readonly id: MailboxId
  readonly uidValidity: number
  readonly #parts: SessionParts
  readonly #row: MailboxRow
  readonly #listeners: Set<() => void>
  #listen: (() => void) | undefined

  constructor(parts: SessionParts, row: MailboxRow, readonly name: string, readonly readOnly: boolean, readonly index: LoadedIndex, readonly view: SessionView,
    readonly resolveTarget: (name: string) => Promise<MailboxRow>, listeners: Set<() => void>) {
    this.#listeners = listeners
    this.#parts = parts
    this.#row = row
    this.id = row.id
    this.uidValidity = row.uidValidity
  }

  static async open(parts: SessionParts, row: MailboxRow, shown: string, readOnly: boolean, resolveTarget: (name: string) => Promise<MailboxRow>): Promise<Session> {
    const listeners = new Set<() => void>()
    const listen = (): void => { for (const listener of listeners) listener() }
    const index = await parts.indexes.acquire(row.id, listen, row.viewer)
    const recentBefore = index.recentUid
    // Who comes in is told exactly which keywords there are.
    index.recountKeywords()
    const session = new Session(parts, row, shown, readOnly, index, new SessionView(index, !readOnly), resolveTarget, listeners)
    session.#listen = listen
    session.#rememberRecent(recentBefore)
    return session
  }

  get gone(): boolean {
    return this.index.deleted
  }

  get rights(): Rights {
    return rightsTo(this.#row)
  }

  look(options: { expunges: boolean }): ReturnType<SessionView['absorb']> {
    const recentBefore = this.index.recentUid
    const announcement = this.view.absorb(options)
    this.#rememberRecent(recentBefore)
    return announcement
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  close(): void {
    if (!this.#listen) return
    this.#reportRead()
    this.#parts.recents.write(this.id)
    this.view.close()
    this.#parts.indexes.release(this.id, this.#listen, this.#row.viewer)
    this.#listen = undefined
    this.#listeners.clear()
  }

  noteRead(uids: readonly Uid[]): void {
    for (const uid of uids) {
      const i = this.index.position(uid)
      // What is seen was reported when it was flagged.
      if (i < 0 || (this.index.flags[i] & seen) !== 0 || this.#noted.has(uid)) continue
      this.#noted.add(uid)
      this.#unreported.push(uid)
    }
    if (this.#unreported.length >= reportAtOnce) this.#reportRead()
    else if (this.#unreported.length > 0) this.#reporting ??= this.#parts.clock.after(reportMs, () => this.#reportRead())
  }
  readonly #noted = new Set<Uid>()
  readonly #unreported: Uid[] = []
  #reporting: { clear(): void } | undefined

  /** Puts the report into the commit queue: whatever this session queues after it comes after it. */
  #reportRead(): void {
    const read = this.#takeUnreported()
    if (read.length > 0) this.#parts.expunge({ row: this.#row, uids: [], read }).catch(() => undefined)
  }

  #takeUnreported(): Uid[] {
    this.#reporting?.clear()
    this.#reporting = undefined
    return this.#unreported.splice(0)
  }

  async changeFlags(uids: readonly Uid[], change: FlagChange): Promise<FlagResult> {
    this.#mayWrite()
    checkKeywords(change.keywords, this.#parts.maxKeywords)
    if (change.mode !== 'remove') checkKeywordRoom(this.index, change.keywords, this.#parts.maxKeywords)
    this.#mayFlagAs(change)
    const wanted = change.unchangedSince === undefined ? uids : uids.filter((uid) => (this.index.entry(uid)?.modseq ?? 0) <= change.unchangedSince!)
    const flagged = wanted.length === 0 ? undefined : await this.#parts.changeFlags({ row: this.#row, uids: wanted, all: this.#isAllBetween(wanted), change })
    for (const uid of flagged?.uids ?? []) this.view.acknowledge(uid, flagged!.modseq)
    const changed = new Set(flagged?.uids)
    const skipped = new Set(uids)
    for (const uid of wanted) skipped.delete(uid)
    const done: Uid[] = []
    const modified: Uid[] = []
    const gone: Uid[] = []
    for (const uid of uids) {
      if (this.index.position(uid) < 0) gone.push(uid)
      else if (changed.has(uid)) done.push(uid)
      else if (skipped.has(uid) || (change.unchangedSince !== undefined && this.index.entry(uid)!.modseq > change.unchangedSince)) modified.push(uid)
      else done.push(uid)
    }
    return { done, modified, gone }
  }

  /** Whether there are no others between the first and the last: those that come later have higher UIDs. */
  #isAllBetween(uids: readonly Uid[]): boolean {
    for (let i = 1; i < uids.length; i++) if (uids[i] <= uids[i - 1]) return false
    const [first, last] = [this.index.position(uids[0]), this.index.position(uids[uids.length - 1])]
    return first >= 0 && last - first === uids.length - 1
  }

  async expunge(uids?: readonly Uid[]): Promise<readonly Uid[]> {
    this.#mayWrite()
    this.#need('e')
    // Known from the index: nothing to do costs nothing.
    const wanted = (uids ?? this.view.uidsBetween(1 as Uid, 4_294_967_295 as Uid)).filter((uid) => {
      const i = this.index.position(uid)
      return i >= 0 && (this.index.flags[i] & deleted) !== 0
    })
    if (wanted.length === 0) return []
    return this.#parts.expunge({ row: this.#row, uids: wanted, read: this.#takeUnreported() })
  }

  async expungedSince(modseq: Modseq): Promise<readonly number[]> {
    // What went after the last look is still shown, and will be announced.
    if (modseq >= this.view.modseq) return []
    const rows = await readExpunged(this.#parts.database, this.id, modseq, mostExpunged)
    if (!rows) return this.view.gaps()
    const pairs: number[] = []
    for (const uid of rows) {
      if (this.view.knows(uid)) continue
      if (pairs.length > 0 && pairs[pairs.length - 1] === uid - 1) pairs[pairs.length - 1] = uid
      else pairs.push(uid, uid)
    }
    return pairs
  }

  async copy(uids: readonly Uid[], target: string): Promise<Copied> {
    this.#need('r')
    const to = await this.resolveTarget(target)
    if (uids.length === 0) return { uidValidity: to.uidValidity, from: [], to: [] }
    await this.#room(uids, to)
    await this.#keywordRoom(uids, to)
    await this.#bring(uids)
    return this.#parts.database.write(async (tx) => {
      const sources = await this.#sources(tx, uids)
      return { uidValidity: to.uidValidity, ...await this.#place(tx, sources, to, []) }
    })
  }

  async move(uids: readonly Uid[], target: string): Promise<Copied> {
    this.#mayWrite()
    this.#need('t', 'e')
    const to = await this.resolveTarget(target)
    if (uids.length === 0) return { uidValidity: to.uidValidity, from: [], to: [] }
    if (to.account !== this.#row.account) await this.#room(uids, to)
    await this.#keywordRoom(uids, to)
    await this.#bring(uids)
    this.#reportRead()
    return this.#parts.database.write(async (tx) => {
      const sources = await this.#sources(tx, uids)
      if (sources.length === 0) return { uidValidity: to.uidValidity, from: [], to: [] }
      const state = await touch(tx, this.id)
      const entries = await removeEntries(tx, this.id, state.modseq, sources.map((source) => source.uid))
      await this.#parts.pins.unpin(tx, entries.flatMap((entry) => entry.recipient ?? []))
      const expunged = entries.map((entry) => entry.uid)
      const placed = await this.#place(tx, sources, to, [usageOf(this.#row.account, entries, -1)], { mailbox: this.id, ...span(state), expunged })
      this.#event(tx, 'MessageExpunge', expunged)
      return { uidValidity: to.uidValidity, ...placed }
    })
  }

  async replace(uid: Uid, target: string, filing: Filing): Promise<Filed> {
    this.#mayWrite()
    this.#need('t', 'e')
    checkKeywords(filing.keywords, this.#parts.maxKeywords)
    const { accounts, database, quota } = this.#parts
    const to = await this.resolveTarget(target)
    if (filing.keywords.length > 0) checkKeywordRoom(await this.#parts.indexes.get(to.id, to.viewer), filing.keywords, this.#parts.maxKeywords)
    const old = this.index.entry(uid)?.size ?? 0
    const same = to.account === this.#row.account
    await quota.check(await accounts.byId(to.account), same ? Math.max(0, filing.spooled.size - old) : filing.spooled.size, same ? 0 : 1)
    this.#reportRead()
    return withPrepared(this.#parts, [filing], (ready) => database.write(async (tx) => {
      const [filed] = await writeAppends(this.#parts, tx, [{ row: to, messages: ready }])
      const state = await touch(tx, this.id)
      const entries = await removeEntries(tx, this.id, state.modseq, [uid])
      // Somebody else was first: nothing is replaced, so nothing is filed.
      if (entries.length === 0) throw failure('MESSAGE_NOT_FOUND')
      await letGo(this.#parts, tx, entries)
      this.#tell(tx, [{ mailbox: this.id, ...span(state), expunged: [uid] }], [usageOf(this.#row.account, entries, -1)])
      this.#event(tx, 'MessageExpunge', [uid])
      return filed
    }))
  }

  async #sources(tx: Transaction, uids: readonly Uid[]): Promise<Source[]> {
    const rows = await readMany<Source & Row>(tx, ['uid', 'message', 'flags', 'keywords', 'size', 'internal_date', 'recipient'], `FROM entries WHERE mailbox = ? AND ${tx.dialect.oneOf('uid')} ORDER BY uid`, [this.id, tx.dialect.list(uids)])
    if (this.#row.viewer === undefined) return rows
    return rows.map((row) => ({ ...row, flags: (row.flags & ~seen) | ((this.index.entry(row.uid)?.flags ?? 0) & seen) }))
  }

  async #place(tx: Transaction, sources: readonly Source[], to: MailboxRow, usage: UsageChange[], also?: Change): Promise<{ from: Uid[]; to: Uid[] }> {
    if (sources.length === 0) return { from: [], to: [] }
    await this.#parts.pins.mustBeHere(tx, sources.map((source) => source.message))
    const { changes, uids } = await fileEntries(tx, sources.map((source): Placement => ({
      mailbox: to.id, message: source.message, flags: allowedFlags(to, source.flags), keywords: mayFlag(to) ? source.keywords : 0, size: source.size, internalDate: source.internal_date, recipient: null,
      ...(to.viewer === undefined ? {} : { seenBy: to.viewer }),
    })), this.#parts.clock.now())
    this.#tell(tx, [...(also ? [also] : []), ...changes], [...usage, usageOf(to.account, sources, 1)])
    this.#event(tx, 'MessageAppend', uids, to)
    return { from: sources.map((source) => source.uid), to: uids }
  }

  /** A copy holds the octets by itself: those that lie at another store come first. */
  #bring(uids: readonly Uid[]): Promise<void> {
    return this.#parts.pins.bring(uids.flatMap((uid) => this.index.entry(uid)?.message ?? []))
  }

  async takenBack(uids: readonly Uid[]): Promise<readonly Uid[]> {
    return this.#parts.pins.takenBack(this.id, uids.flatMap((uid) => {
      const entry = this.index.entry(uid)
      return entry ? [{ uid, message: entry.message }] : []
    }))
  }

  async #room(uids: readonly Uid[], to: MailboxRow): Promise<void> {
    let octets = 0
    for (const uid of uids) octets += this.index.entry(uid)?.size ?? 0
    await this.#parts.quota.check(await this.#parts.accounts.byId(to.account), octets, uids.length)
  }

  /** The other mailbox's keywords have a bound, too. */
  async #keywordRoom(uids: readonly Uid[], to: MailboxRow): Promise<void> {
    const sets = new Set<KeywordSet>()
    for (const uid of uids) sets.add(this.index.entry(uid)?.keywords ?? 0)
    sets.delete(0)
    if (sets.size === 0 || to.id === this.id) return
    const names = [...sets].flatMap((set) => this.index.keywordNames(set))
    checkKeywordRoom(await this.#parts.indexes.get(to.id, to.viewer), names, this.#parts.maxKeywords)
  }

  /** Told after the commit. */
  #tell(tx: Transaction, changes: readonly Change[], usage: readonly UsageChange[]): void {
    const { feed, quota } = this.#parts
    tx.afterCommit(() => {
      quota.changed(usage)
      for (const change of changes) feed.tell(change)
    })
  }

  #event(tx: Transaction, type: Extract<EventType, 'MessageExpunge' | 'MessageAppend'>, uids: readonly Uid[], where: MailboxRow = this.#row): void {
    const { bus, clock } = this.#parts
    if (bus.heard(type)) tx.afterCommit(() => bus.tell({ type, account: where.account, at: clock.now(), mailbox: where.id, mailboxName: where.name, uids }))
  }

  #mayWrite(): void {
    if (this.readOnly) throw failure('MAILBOX_READ_ONLY')
    if (this.gone) throw failure('MAILBOX_GONE')
  }

  #need(...letters: readonly RightLetter[]): void {
    need(this.#row, this.name, ...letters)
  }

  /** RFC 4314 4: what may not be changed is left as it is, but for those who may change nothing of what they ask. */
  #mayFlagAs({ mode, flags, keywords }: FlagChange): void {
    const { rights } = this
    if (rights === allRights) return
    const mask = flagMask(rights)
    const any = mode === 'replace' ? mask !== 0 : (flags & mask) !== 0 || (keywords.length > 0 && (rights & right.w) !== 0) || (flags === 0 && keywords.length === 0)
    if (!any) this.#need((flags & flagBits['\\Seen']) !== 0 ? 's' : (flags & flagBits['\\Deleted']) !== 0 ? 't' : 'w')
  }

  #rememberRecent(before: Uid): void {
    const { recentUid } = this.index
    if (recentUid !== before) this.#parts.recents.told(this.id, recentUid)
  }
}
