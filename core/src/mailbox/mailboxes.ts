// The mailboxes of accounts: names, hierarchy, subscriptions, and the door to each. mailbox.ts is what is behind the door.
import type { AccountId, MailboxId, MessageId, Uid } from '../base/branded.js'
import type { Random } from '../base/random.js'
import type { Batch, Transaction } from '../database/connect.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Filed, MailboxInfo, Mailboxes, MailboxStatus, SpecialUse } from './contract.js'
import type { Change } from './feed.js'
import { forgetAccount, forgetMailbox, serverItself, type Annotations } from './annotations.js'
import { withPrepared, writeAppends, type Appending } from './append.js'
import { letGo } from './expunges.js'
import { checkKeywordRoom, checkKeywords } from './flags.js'
import { makeSessions, type MailboxParts } from './mailbox.js'
import { lowerBound, type LoadedIndex } from './mailbox-index.js'
import { watchSeen } from './watching.js'
import type { MailboxProvider, MailboxProviders, Stored } from './namespaces.js'
import { need, rightsTo } from './permitted.js'
import { changingRights, right } from './rights.js'
import type { Sharing } from './sharing.js'
import type { SpecialMailboxes } from './special-names.js'
import { compareNames, parents, shownName, storedName } from './names.js'
import { makeTrees } from './trees.js'
import { fileEntries, insertMailboxes, mailboxRow, readCounts, removeEntries, span, touch, usageOf, type MailboxRow, type NewMailbox, type Placement } from './repository.js'

export interface MailboxesParts extends MailboxParts {
  readonly annotations: Annotations
  readonly random: Random
  readonly options: {
    readonly separator: string
    readonly maxPerAccount: number
    /** Mailboxes that a new account starts with. */
    readonly special: SpecialMailboxes
  }
}

/** What the administration and delivery need beside what faces see. */
export interface MailboxesAdministration {
  /** INBOX and the special-use mailboxes of new accounts, where they are missing. */
  provide(accounts: readonly AccountId[]): Promise<void>
  /** The INBOX of each account, in order; made when missing. undefined: the account is no more. */
  inboxes(accounts: readonly AccountId[]): Promise<readonly (MailboxId | undefined)[]>
  /** A mailbox by name, made when missing if `create`. */
  find(account: AccountId, name: string, create: boolean): Promise<MailboxRow>
  /** The account's own mailbox with a special use (RFC 6154). */
  special(account: AccountId, use: SpecialUse): Promise<MailboxId | undefined>
  /** Everything of an account, and its row; `also` removes what others keep of it, in the same commit. */
  removeAll(account: AccountId, also?: (tx: Transaction) => Promise<void>): Promise<void>
}

export function makeMailboxes(parts: MailboxesParts): Mailboxes & MailboxesAdministration & { readonly providers: MailboxProviders } {
  const { database, accounts, annotations, quota, feed, indexes, bus, clock, messages, options } = parts
  const { separator } = options
  const special = (account?: string): Readonly<Record<string, SpecialUse>> => Object.fromEntries(Object.entries(options.special(account)).map(([name, use]) => [storedName(name, separator), use]))
  /** What the configuration calls the special mailboxes. */
  const useOf = special()
  const trees = makeTrees({ database, separator })
  const { visible, byName, readable, writable, below, providerOf, mustBePersonal } = trees
  let sharing: Sharing | undefined
  /** Whoever watches what an account sees: looks again when rights were changed. */
  const looking = new Set<() => void>()

  const newRows = (account: AccountId, names: readonly string[], uses: Readonly<Record<string, SpecialUse | undefined>>, subscribed: boolean): NewMailbox[] =>
    names.map((name) => ({ account, name, specialUse: uses[name] ?? null, subscribed }))

  const event = (tx: Transaction, type: 'MailboxCreate' | 'MailboxDelete' | 'MailboxSubscribe' | 'MailboxUnSubscribe', account: AccountId, mailbox: MailboxId, name: string): void =>
    tx.afterCommit(() => bus.tell({ type, account, at: clock.now(), mailbox, mailboxName: shownName(name, separator) }))

  /** Deletes a mailbox's entries with all they hold, and the mailbox. */
  const drop = async (tx: Transaction, row: MailboxRow): Promise<void> => {
    const state = await touch(tx, row.id)
    const entries = await removeEntries(tx, row.id, state.modseq, undefined)
    await letGo(parts, tx, entries)
    await tx.run('DELETE FROM expunged WHERE mailbox = ?', [row.id])
    await forgetMailbox(tx, row.id)
    await tx.run('DELETE FROM mailboxes WHERE id = ?', [row.id])
    const usage = [usageOf(row.account, entries, -1)]
    tx.afterCommit(() => {
      quota.changed(usage)
      feed.tell({ mailbox: row.id, ...span(state), deleted: true })
    })
    event(tx, 'MailboxDelete', row.account, row.id, row.name)
  }

  const sessions = makeSessions(parts)
  /** APPEND of several sessions in one set of statements. */
  const appendBatch: Batch<Appending, Filed> = { name: 'append', write: (tx, items) => writeAppends(parts, tx, items) }

  const mustExist = async (tx: Transaction, mailbox: MailboxId): Promise<void> => {
    if (!await tx.get('SELECT id FROM mailboxes WHERE id = ?', [mailbox])) throw failure('MAILBOX_GONE')
  }

  const self: Mailboxes & MailboxesAdministration & { readonly providers: MailboxProviders } = {
    get sharing() { return sharing },
    namespaces(account) {
      const prefixes = (kind: MailboxProvider['kind']): string[] => trees.providers.filter((provider) => provider.kind === kind && provider.owner() !== account).map((provider) => `${provider.root}${separator}`)
      return { separator, personal: [''], others: prefixes('others'), shared: prefixes('shared') }
    },

    async list(account) {
      const all = await visible(account)
      const { subscribed } = all
      const rows = all.rows.filter((row) => (rightsTo(row) & right.l) !== 0)
      const named = rows.length === all.rows.length ? all.byName : new Map(rows.map((row) => [row.name, row]))
      const names = new Set<string>()
      for (const row of rows) for (const parent of parents(row.name)) names.add(parent)
      const missing = [...names].filter((name) => !named.has(name))
      const shown = missing.length === 0 ? [...named.keys()] : [...named.keys(), ...missing].sort(compareNames)
      const entry = (name: string, row: MailboxRow | undefined): MailboxInfo => ({
        id: row?.id ?? 0 as MailboxId, name: shownName(name, separator), selectable: row !== undefined, hasChildren: names.has(name), subscribed: subscribed.has(name), specialUse: row?.specialUse ?? null,
      })
      return shown.map((name) => entry(name, named.get(name)))
    },
    subscriptions: async (account) => [...(await trees.own(account)).subscribed].sort(compareNames).map((name) => shownName(name, separator)),
    async subscribe(account, name) {
      const stored = storedName(name, separator)
      const { subscribed } = await trees.own(account)
      if (subscribed.size >= options.maxPerAccount && !subscribed.has(stored)) throw failure('TOO_MANY_MAILBOXES', { limit: options.maxPerAccount })
      await providerOf(account, stored)?.subscribe?.(account, stored)
      const row = (await visible(account)).byName.get(stored)
      await database.write(async (tx) => {
        await tx.run('INSERT INTO subscriptions (account, name) VALUES (?, ?) ON CONFLICT DO NOTHING', [account, stored])
        trees.forget(tx, account)
        event(tx, 'MailboxSubscribe', account, row?.id ?? 0 as MailboxId, stored)
      })
    },
    async unsubscribe(account, name) {
      const stored = storedName(name, separator)
      await database.write(async (tx) => {
        await tx.run('DELETE FROM subscriptions WHERE account = ? AND name = ?', [account, stored])
        trees.forget(tx, account)
        event(tx, 'MailboxUnSubscribe', account, 0 as MailboxId, stored)
      })
      await providerOf(account, stored)?.unsubscribe?.(account, stored)
    },

    async create(account, name, specialUse) {
      // RFC 3501 6.3.3: a trailing separator only says that children will follow.
      const stored = storedName(name.endsWith(separator) ? name.slice(0, -separator.length) : name, separator)
      const there = providerOf(account, stored) && await below(account, stored)
      if (there) {
        if ((await visible(account)).byName.has(stored)) throw failure('MAILBOX_EXISTS', { mailbox: name })
        need(there.parent, name, 'k')
        await self.create(there.owner, shownName(there.name, separator), specialUse)
        const made = (await trees.own(there.owner)).byName.get(there.name)
        if (made) await there.provider.created?.(there.owner, there.parent.id, made.id)
        return
      }
      mustBePersonal(account, stored, name)
      await database.write(async (tx) => {
        const existing = new Set((await tx.all<{ name: string }>('SELECT name FROM mailboxes WHERE account = ?', [account])).map((row) => row.name))
        if (existing.has(stored)) throw failure('MAILBOX_EXISTS', { mailbox: name })
        const missing = [...parents(stored), stored].filter((level) => !existing.has(level))
        if (existing.size + missing.length > options.maxPerAccount) throw failure('TOO_MANY_MAILBOXES', { limit: options.maxPerAccount })
        const ids = await insertMailboxes(tx, newRows(account, missing, { [stored]: specialUse }, false), clock.now())
        trees.forget(tx, account)
        missing.forEach((level, i) => event(tx, 'MailboxCreate', account, ids[i], level))
      })
    },

    async delete(account, name) {
      const stored = storedName(name, separator)
      const theirs = (await visible(account)).byName.get(stored)
      if (stored === 'INBOX' || theirs?.readOnly) throw failure('MAILBOX_PROTECTED', { mailbox: name })
      if (theirs?.foreign) {
        need(theirs, name, 'x')
        return self.delete(theirs.account, shownName(theirs.foreign.name, separator))
      }
      await database.write(async (tx) => {
        // Looked up here: what had this name a moment ago may have been renamed, and is not meant.
        const row = await tx.get('SELECT id, account, name, uid_validity, special_use FROM mailboxes WHERE account = ? AND name = ?', [account, stored])
        if (!row) {
          const hasChildren = (await tx.all<{ name: string }>('SELECT name FROM mailboxes WHERE account = ?', [account])).some((other) => other.name.startsWith(`${stored}/`))
          throw failure(hasChildren ? 'MAILBOX_HAS_CHILDREN' : 'MAILBOX_NOT_FOUND', { mailbox: name })
        }
        await drop(tx, mailboxRow(row))
        trees.forget(tx, account)
      })
    },

    async rename(account, from, to) {
      const [old, wanted] = [storedName(from, separator), storedName(to.endsWith(separator) ? to.slice(0, -separator.length) : to, separator)]
      // Personal names are looked up in the commit alone: what had one a moment ago may not be meant.
      const provided = providerOf(account, old) !== undefined || providerOf(account, wanted) !== undefined
      const theirs = provided ? (await visible(account)).byName.get(old) : undefined
      const there = provided ? await below(account, wanted) : undefined
      if (theirs?.foreign && there?.owner === theirs.account) {
        if (theirs.foreign.name === 'INBOX') throw failure('MAILBOX_PROTECTED', { mailbox: from })
        need(theirs, from, 'x')
        need(there.parent, to, 'k')
        return self.rename(theirs.account, shownName(theirs.foreign.name, separator), shownName(there.name, separator))
      }
      if (theirs?.foreign) throw failure('MAILBOX_PROTECTED', { mailbox: from })
      mustBePersonal(account, wanted, to)
      if (wanted === old || wanted.startsWith(`${old}/`)) throw wanted === old ? failure('MAILBOX_EXISTS', { mailbox: to }) : failure('MAILBOX_NAME_INVALID', { why: 'a mailbox cannot go below itself' })
      if (old === 'INBOX') await bringAll(account)
      await database.write(async (tx) => {
        const rows = (await tx.all('SELECT id, account, name, uid_validity, special_use FROM mailboxes WHERE account = ?', [account])).map(mailboxRow)
        const names = new Set(rows.map((row) => row.name))
        const moving = old === 'INBOX' ? [] : rows.filter((row) => row.name === old || row.name.startsWith(`${old}/`))
        // The children's names grow too: nobody could say one that is too long.
        for (const row of moving) storedName(shownName(wanted + row.name.slice(old.length), separator), separator)
        if (old !== 'INBOX' && moving.length === 0) throw failure('MAILBOX_NOT_FOUND', { mailbox: from })
        if (names.has(wanted)) throw failure('MAILBOX_EXISTS', { mailbox: to })
        const taken = moving.find((row) => names.has(wanted + row.name.slice(old.length)))
        if (taken) throw failure('MAILBOX_EXISTS', { mailbox: shownName(wanted + taken.name.slice(old.length), separator) })
        const missing = parents(wanted).filter((level) => !names.has(level) && !moving.some((row) => row.name === level))
        if (old === 'INBOX') missing.push(wanted)
        if (rows.length + missing.length > options.maxPerAccount) throw failure('TOO_MANY_MAILBOXES', { limit: options.maxPerAccount })
        const ids = await insertMailboxes(tx, newRows(account, missing, {}, false), clock.now())
        if (old === 'INBOX') await emptyInto(tx, rows.find((row) => row.name === 'INBOX')!, ids.at(-1)!)
        // UIDs and UIDVALIDITY stay: validities are unique in the whole gateway, so the pair (name, validity) never names two
        // different mailboxes, and no client fetches a renamed mailbox anew.
        if (moving.length > 0) {
          await tx.run(`UPDATE mailboxes SET name = r.name FROM ${tx.dialect.rows({ id: 'int', name: 'text' })} AS r WHERE mailboxes.id = r.id`,
            [tx.dialect.rowsValue(moving.map((row) => [row.id, wanted + row.name.slice(old.length)]))])
        }
        trees.forget(tx, account)
        tx.afterCommit(() => {
          const at = clock.now()
          for (const row of moving) bus.tell({ type: 'MailboxRename', account, at, mailbox: row.id, mailboxName: shownName(wanted + row.name.slice(old.length), separator), oldName: shownName(row.name, separator) })
        })
      })
    },

    async status(account, name) {
      const row = await readable(account, name)
      return statusOf(row, await indexes.get(row.id, row.viewer))
    },
    async statuses(account, names) {
      const { byName: rows } = await visible(account)
      const found = new Map<string, MailboxStatus>()
      const cold = new Map<MailboxId, { name: string; row: MailboxRow }>()
      for (const name of names) {
        const row = rows.get(storedName(name, separator))
        if (!row || (rightsTo(row) & right.r) === 0) continue
        // What a member has seen is counted by its index alone.
        const index = row.viewer === undefined ? indexes.loaded(row.id) : await indexes.get(row.id, row.viewer)
        if (index) found.set(name, statusOf(row, index))
        else cold.set(row.id, { name, row })
      }
      for (const { id, ...counts } of await readCounts(database, [...cold.keys()])) {
        const { name, row } = cold.get(id)!
        found.set(name, { id, uidValidity: row.uidValidity, ...counts })
      }
      return found
    },

    async open(account, name, { readOnly }) {
      const row = await readable(account, name)
      return sessions.open(row, shownName(row.name, separator), readOnly || row.readOnly === true || (rightsTo(row) & changingRights) === 0, (target) => writable(account, target))
    },

    async append(account, name, filings) {
      for (const filing of filings) checkKeywords(filing.keywords, parts.maxKeywords)
      const row = await writable(account, name)
      const named = filings.flatMap((filing) => filing.keywords)
      if (named.length > 0) checkKeywordRoom(await indexes.get(row.id, row.viewer), named, parts.maxKeywords)
      await quota.check(await accounts.byId(row.account), filings.reduce((sum, filing) => sum + filing.spooled.size, 0), filings.length)
      return withPrepared(parts, filings, (ready) => database.writeBatched(appendBatch, { row, messages: ready }))
    },
    async annotations(account, names) {
      const { byName: rows } = await visible(account)
      const wanted = new Map<MailboxId, string>()
      for (const name of names) {
        const row = name === '' ? undefined : rows.get(storedName(name, separator))
        if (row || name === '') wanted.set(row?.id ?? serverItself, name)
      }
      const found = await annotations.read(account, [...wanted.keys()])
      return new Map([...wanted].map(([id, name]) => [name, found.get(id) ?? new Map()]))
    },
    async annotate(account, name, changes) {
      // Of the server itself only the private ones are an account's to change.
      if (name === '' && [...changes.keys()].some((entry) => entry.startsWith('/shared/'))) throw failure('NOT_PERMITTED', { what: 'shared annotations of the server are the administration’s' })
      const row = name === '' ? undefined : await (([...changes.keys()].some((entry) => entry.startsWith('/shared/'))) ? writable : byName)(account, name)
      await database.write(async (tx) => {
        // It may have been deleted meanwhile: annotations must not outlive it.
        if (row) await mustExist(tx, row.id)
        await annotations.write(tx, account, row?.id ?? serverItself, changes)
        tx.afterCommit(() => bus.tell({ type: row ? 'MailboxMetadataChange' : 'ServerMetadataChange', account: row?.account ?? account, at: clock.now(), mailbox: row?.id ?? serverItself, mailboxName: name, entries: [...changes.keys()] }))
      })
    },
    async assign(account, name, use) {
      const row = await byName(account, name)
      if (row.name === 'INBOX' || row.foreign || row.account !== account) throw failure('NOT_PERMITTED', { what: 'only mailboxes of one’s own, and not INBOX, are for something special' })
      return database.write(async (tx) => {
        await mustExist(tx, row.id)
        const before = use === null ? undefined : await tx.get<{ id: MailboxId; name: string }>('SELECT id, name FROM mailboxes WHERE account = ? AND special_use = ? AND id <> ?', [account, use, row.id])
        if (before) await tx.run('UPDATE mailboxes SET special_use = NULL WHERE id = ?', [before.id])
        await tx.run('UPDATE mailboxes SET special_use = ? WHERE id = ?', [use, row.id])
        trees.forget(tx, account)
        const tell = (mailbox: MailboxId, stored: string): void => bus.tell({ type: 'MailboxMetadataChange', account, at: clock.now(), mailbox, mailboxName: shownName(stored, separator), entries: ['/private/specialuse'] })
        tx.afterCommit(() => {
          if (before) tell(before.id, before.name)
          tell(row.id, row.name)
        })
        return before && shownName(before.name, separator)
      })
    },
    async accessKey(account, name, make) {
      const row = await byName(account, name)
      return annotations.key(account, row.id, make ? () => Buffer.from(parts.random.octets(32)) : undefined)
    },
    forgetAccessKeys: async (account, name) => annotations.forgetKeys(account, name === undefined ? undefined : (await byName(account, name)).id),
    async owner(account, name) {
      const row = await readable(account, name)
      return row.account === account || row.foreign ? row.account : undefined
    },
    owners: async (account) => new Set([account, ...(await visible(account)).rows.flatMap((row) => (row.foreign && (rightsTo(row) & right.r) !== 0 ? [row.account] : []))]),
    seenAs(account, owner, mailbox, name) {
      if (owner === account) return name
      const grant = trees.providers.flatMap((provider) => provider.grants?.(account) ?? []).find((one) => one.owner === owner && (one.rights(mailbox) & right.l) !== 0)
      return grant && shownName(name === 'INBOX' ? grant.name : `${grant.name}/${storedName(name, separator)}`, separator)
    },
    watch: (account, listener) => watchSeen({ feed, provided: trees.providers, looking }, account, listener),
    summaries: (ids, fields) => messages.summaries(ids, fields),

    async provide(ids) {
      if (ids.length === 0) return
      await database.write(async (tx) => {
        const existing = await tx.all<{ account: AccountId; name: string; use: string | null }>(`SELECT account, name, special_use AS "use" FROM mailboxes WHERE ${tx.dialect.oneOf('account')}`, [tx.dialect.list(ids)])
        const alive = await tx.all<{ id: AccountId; name: string }>(`SELECT id, name FROM accounts WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list(ids)])
        const has = new Set(existing.flatMap((row) => [`${row.account} ${row.name}`, ...(row.use === null ? [] : [`${row.account} ${row.use}`])]))
        const wanted = alive.flatMap(({ id, name }) => {
          const its = special(name)
          return newRows(id, [...new Set(['INBOX', ...Object.keys(its)])], its, true)
        }).filter((row) => !has.has(`${row.account} ${row.name}`) && !has.has(`${row.account} ${row.specialUse}`))
        await insertMailboxes(tx, wanted, clock.now())
        for (const account of ids) trees.forget(tx, account)
      })
    },
    async inboxes(ids) {
      const found = await trees.inboxes(ids)
      const without = ids.filter((account) => !found.has(account))
      if (without.length > 0) {
        await self.provide(without)
        for (const [account, inbox] of await trees.inboxes(without)) found.set(account, inbox)
      }
      return ids.map((account) => found.get(account))
    },
    special: async (account, use) => (await trees.own(account)).rows.find((row) => row.specialUse === use)?.id,
    async find(account, name, create) {
      // Delivery files in an account's own mailboxes: what others share with it has another owner's quota and rights.
      const own = async (): Promise<MailboxRow> => {
        const row = await byName(account, name)
        if (row.account !== account) throw failure('MAILBOX_PROTECTED', { mailbox: name })
        return row
      }
      try {
        return await own()
      } catch (error) {
        if (!isFailure(error, 'MAILBOX_NOT_FOUND')) throw error
        const stored = storedName(name, separator)
        // By the configuration's name whatever the account calls it: rules and plugins know no other.
        const special = Object.hasOwn(useOf, stored) ? (await trees.own(account)).rows.find((row) => row.specialUse === useOf[stored]) : undefined
        if (special) return special
        if (!create) throw error
        mustBePersonal(account, stored, name)
        await self.create(account, name).catch((again: unknown) => { if (!isFailure(again, 'MAILBOX_EXISTS')) throw again })
        return own()
      }
    },
    providers: {
      provide: (provider) => { trees.providers.push(provider) },
      share: (offered) => { sharing = offered },
      changed: (ids) => {
        for (const mailbox of ids) indexes.nudge(mailbox)
        for (const look of looking) look()
      },
      own: async (owner) => (await trees.own(owner)).rows,
      async row(account, name) {
        const row = await byName(account, name)
        return { id: row.id, owner: row.account, name: row.foreign?.name ?? row.name, rights: rightsTo(row) }
      },
      mailbox: async (owner, name) => (await self.find(owner, shownName(name, separator), true)).id,
      async place(owner, mailbox, messages, also) {
        const row = (await trees.own(owner)).rows.find((one) => one.id === mailbox)
        if (!row) throw failure('MAILBOX_GONE')
        const fresh = messages.filter((message) => 'spooled' in message)
        const stored = messages.filter((message) => 'message' in message)
        await withPrepared(parts, fresh, (ready) => database.write(async (tx) => {
          await also(tx)
          if (ready.length > 0) await writeAppends(parts, tx, [{ row, messages: ready }])
          if (stored.length > 0) await fileStored(tx, row, stored)
        }))
      },
      async takeOut(owner, mailbox, uids) {
        if (uids.length === 0) return
        await database.write(async (tx) => {
          const state = await touch(tx, mailbox)
          const gone = await removeEntries(tx, mailbox, state.modseq, uids)
          await letGo(parts, tx, gone)
          tx.afterCommit(() => {
            quota.changed([usageOf(owner, gone, -1)])
            feed.tell({ mailbox, ...span(state), expunged: gone.map((entry) => entry.uid) })
          })
        })
      },
    },
    async removeAll(account, also) {
      await database.write(async (tx) => {
        await also?.(tx)
        const rows = (await tx.all('SELECT id, account, name, uid_validity, special_use FROM mailboxes WHERE account = ?', [account])).map(mailboxRow)
        for (const row of rows) await drop(tx, row)
        await tx.run('DELETE FROM subscriptions WHERE account = ?', [account])
        await forgetAccount(tx, account)
        await tx.run('DELETE FROM accounts WHERE id = ?', [account])
        trees.forget(tx, account)
      })
    },
  }

  /** RENAME INBOX is a transfer: what lies at other stores comes first. */
  const bringAll = async (account: AccountId): Promise<void> => parts.pins.bring((await database.read.all<{ message: MessageId }>(
    "SELECT e.message FROM entries e JOIN mailboxes m ON m.id = e.mailbox WHERE m.account = ? AND m.name = 'INBOX' AND e.recipient IS NOT NULL", [account])).map((row) => row.message))

  /** Entries for messages that are there already: one copy of the octets. */
  const fileStored = async (tx: Transaction, row: MailboxRow, wanted: readonly Stored[]): Promise<void> => {
    const sizes = new Map((await tx.all<{ id: MessageId; size: number }>(`SELECT id, size FROM messages WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list(wanted.map((one) => one.message))])).map((found) => [found.id, found.size]))
    const placements = wanted.filter((one) => sizes.has(one.message)).map(({ message, internalDate }): Placement => ({ mailbox: row.id, message, flags: 0, keywords: 0, size: sizes.get(message)!, internalDate, recipient: null }))
    if (placements.length === 0) return
    const { changes } = await fileEntries(tx, placements, clock.now())
    tx.afterCommit(() => {
      quota.changed([usageOf(row.account, placements, 1)])
      for (const change of changes) feed.tell(change)
    })
  }

  /** RENAME INBOX: its messages go to the new mailbox and keep nothing of their pins (they left INBOX). */
  const emptyInto = async (tx: Transaction, inbox: MailboxRow, target: MailboxId): Promise<void> => {
    const sources = await tx.all('SELECT uid, message, flags, keywords, size, internal_date, recipient FROM entries WHERE mailbox = ? ORDER BY uid', [inbox.id])
    if (sources.length === 0) return
    await parts.pins.mustBeHere(tx, sources.map((source) => source.message as MessageId))
    const state = await touch(tx, inbox.id)
    const gone = await removeEntries(tx, inbox.id, state.modseq, undefined)
    await parts.pins.unpin(tx, gone.flatMap((entry) => entry.recipient ?? []))
    const { changes } = await fileEntries(tx, sources.map((source): Placement => ({
      mailbox: target, message: source.message, flags: source.flags, keywords: source.keywords, size: source.size, internalDate: source.internal_date, recipient: null,
    })), clock.now())
    const left: Change = { mailbox: inbox.id, ...span(state), expunged: gone.map((entry) => entry.uid as Uid) }
    tx.afterCommit(() => { for (const change of [left, ...changes]) feed.tell(change) })
  }

  return self
}

const statusOf = (row: MailboxRow, index: LoadedIndex): MailboxStatus => ({
  id: row.id, messages: index.count, recent: Math.max(0, index.count - lowerBound(index.uids, index.count, index.recentUid)), unseen: index.unseen, deleted: index.deletedFlags,
  uidNext: index.uidNext, uidValidity: row.uidValidity, highestModseq: index.modseq, size: index.octets,
})
