// The whole core at random against a simple model of who holds what: after every round, with all sessions closed and the reaper
// done, messages, octets and content files are exactly those that somebody holds, sums are right, and indexes equal fresh loads.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OpenMailbox, Uid } from '@restante/core'
import { loadIndex } from '../../core/dist/mailbox/repository.js'
import { databases } from '../support/databases.js'
import { startCore, type CoreUnderTest } from '../support/core.js'

const rounds = Number(process.env.HOLDERS_ROUNDS ?? 20)
const steps = Number(process.env.HOLDERS_STEPS ?? 60)
const firstSeed = Number(process.env.HOLDERS_SEED ?? Math.floor(Math.random() * 1e9))

interface Submission { readonly token: string; readonly message: number; readonly identifiers: readonly Buffer[]; readonly mortal: boolean; listed: boolean; ended: boolean }
/** What an entry in INBOX holds for its recipient. */
interface Pin { readonly submission: Submission; readonly recipient: number; read: boolean }
interface Entry { readonly message: number; readonly size: number; flags: number; pin?: Pin }
type Box = Map<number, Entry>

/** The same numbers for the same seed (mulberry32). */
function randomOf(seed: number) {
  let state = seed
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (n: number): number => Math.floor(fraction() * n)
  return { below, chance: (p: number): boolean => fraction() < p, of: <T>(list: readonly T[]): T => list[below(list.length)], some: <T>(list: readonly T[], p: number): T[] => list.filter(() => fraction() < p) }
}

for (const kind of databases) {
  describe(kind, () => {
    let core: CoreUnderTest
    const accounts = [0, 1, 2, 3]
    /** Per account: mailboxes by name. */
    const boxes = accounts.map(() => new Map<string, Box>(['INBOX', 'Archive', 'Drafts', 'Junk', 'Sent', 'Trash'].map((name) => [name, new Map()])))
    const submissions: Submission[] = []
    let made = 0
    beforeAll(async () => {
      core = await startCore(kind, { accounts: 4, set: ['im2000.store.minimumLifetime=60'] })
      await core.gateway.lists.create({ name: 'news', readers: 'public', writers: 'accounts', retention: 0 })
      await core.gateway.accounts.setQuota(core.name(4), { messages: 25 })
    })
    afterAll(() => core.stop())

    const bodyOf = (large: boolean): string => `Subject: ${made++}\r\n\r\n${'x'.repeat(large ? 70_000 : 10)}\r\n`
    const spooled = async (large: boolean) => {
      const writer = core.gateway.spool.open()
      await writer.write(Buffer.from(bodyOf(large)))
      return writer.seal()
    }
    const rowsOf = (message: number) => core.gateway.database.read.all<{ account: number; name: string; uid: number; size: number }>(
      'SELECT m.account, m.name, e.uid, e.size FROM entries e JOIN mailboxes m ON m.id = e.mailbox WHERE e.message = ?', [message])
    /** Takes what the store took back out of the model. */
    const end = (submission: Submission): void => {
      if (submission.ended) return
      submission.ended = true
      submission.listed = false
      for (const box of boxes.flatMap((account) => [...account.values()])) {
        for (const [uid, entry] of box) {
          if (entry.pin?.submission !== submission) continue
          if (entry.pin.read) delete entry.pin
          else box.delete(uid)
        }
      }
    }

    async function round(seed: number): Promise<void> {
      const { gateway, ids } = core
      const random = randomOf(seed)
      const sessions: { account: number; name: string; box: Box; mailbox: OpenMailbox }[] = []
      const anyName = (account: number): string => random.of([...boxes[account].keys()])

      const deliver = async (): Promise<void> => {
        const to = random.some(accounts, 0.4)
        const [large, mortal, listed] = [random.chance(0.3), random.chance(0.3), random.chance(0.2)]
        if (to.length === 0 && !listed) return
        const { token, recipients } = await core.submit(to.map((account) => core.name(account + 1)), bodyOf(large), { account: ids[0], ...(mortal ? { lifetime: 3600 } : {}), ...(listed ? { lists: ['news'] } : {}) })
        const { message } = (await gateway.database.read.get<{ message: number }>('SELECT message FROM submissions WHERE token = ?', [token]))!
        const submission: Submission = { token, message, identifiers: recipients.map((recipient) => recipient.identifier), mortal, listed, ended: false }
        submissions.push(submission)
        for (const row of await rowsOf(message)) {
          const account = ids.indexOf(row.account as never)
          boxes[account].get(row.name)!.set(row.uid, { message, size: row.size, flags: 0, pin: { submission, recipient: to.indexOf(account), read: false } })
        }
      }
      const append = async (account: number, name: string): Promise<void> => {
        // Before anything is waited for: it may be dropped meanwhile.
        const box = boxes[account].get(name)!
        const filings = await Promise.all(Array.from({ length: 1 + random.below(2) }, async () => ({ spooled: await spooled(random.chance(0.4)), flags: random.of([0, 1, 8]), keywords: random.some(['red', 'Blue', 'k'], 0.3) })))
        const result = await gateway.mailboxes.append(ids[account], name, filings).catch((error: { code: string }) => error.code)
        for (const filing of filings) await filing.spooled.discard()
        if (typeof result === 'string') {
          expect(['OVER_QUOTA', 'MAILBOX_GONE', 'MAILBOX_NOT_FOUND']).toContain(result)
          return
        }
        const rows = await gateway.database.read.all<{ uid: number; message: number; size: number }>(
          `SELECT uid, message, size FROM entries WHERE mailbox = (SELECT id FROM mailboxes WHERE account = ? AND uid_validity = ?) AND ${gateway.database.dialect.oneOf('uid')}`, [ids[account], result.uidValidity, gateway.database.dialect.list(result.uids)])
        for (const row of rows) box.set(row.uid, { message: row.message, size: row.size, flags: filings[result.uids.indexOf(row.uid as Uid)].flags })
      }
      const openSession = async (account: number): Promise<void> => {
        const name = anyName(account)
        sessions.push({ account, name, box: boxes[account].get(name)!, mailbox: await gateway.mailboxes.open(ids[account], name, { readOnly: false }) })
      }
      const withSession = async (act: (session: typeof sessions[number], uids: Uid[]) => Promise<void>): Promise<void> => {
        if (sessions.length === 0) await openSession(random.of(accounts))
        const session = random.of(sessions)
        const alive = !session.mailbox.gone
        const uids = random.some([...session.box.keys()], 0.4) as Uid[]
        await act(session, uids).catch((error: { code?: string }) => {
          if (alive ? error.code !== 'OVER_QUOTA' : error.code !== 'MAILBOX_GONE') throw error
        })
      }
      const transfer = (moves: boolean) => withSession(async ({ account, box, mailbox }, uids) => {
        const name = anyName(account)
        const target = boxes[account].get(name)!
        const result = await (moves ? mailbox.move(uids, name) : mailbox.copy(uids, name))
        expect(mailbox.gone ? [] : result.from).toEqual(mailbox.gone ? [] : [...uids].sort((a, b) => a - b))
        for (const [i, from] of result.from.entries()) {
          const { message, size, flags } = box.get(from)!
          target.set(result.to[i], { message, size, flags })
          if (moves) box.delete(from)
        }
      })
      const drop = async (account: number, name: string): Promise<void> => {
        const box = boxes[account].get(name)!
        boxes[account].delete(name)
        await gateway.mailboxes.delete(ids[account], name)
        box.clear()
      }
      const spare = (account: number): string | undefined => random.of([...boxes[account].keys()].filter((name) => name.startsWith('m')).concat(undefined as never))

      const acts: Record<string, () => Promise<unknown>> = {
        deliver,
        'deliver at once': () => Promise.all([deliver(), deliver(), deliver()]),
        append: async () => {
          const account = random.of(accounts)
          await append(account, anyName(account))
        },
        copy: () => transfer(false),
        move: () => transfer(true),
        flag: () => withSession(async ({ box, mailbox }, uids) => {
          const [mode, flags] = [random.of(['add', 'add', 'remove'] as const), random.of([1, 8, 8, 9, 4])]
          await mailbox.changeFlags(uids, { mode, flags, keywords: random.some(['red', 'green'], 0.2) })
          for (const uid of uids) {
            const entry = box.get(uid)!
            entry.flags = mode === 'add' ? entry.flags | flags : entry.flags & ~flags
            if (entry.pin && mode === 'add' && (flags & 1) !== 0) entry.pin.read = true
          }
        }),
        expunge: () => withSession(async ({ box, mailbox }) => { for (const uid of await mailbox.expunge()) box.delete(uid) }),
        look: () => withSession(async ({ mailbox }) => { mailbox.look({ expunges: random.chance(0.6) }) }),
        open: () => openSession(random.of(accounts)),
        close: async () => { if (sessions.length > 0) sessions.splice(random.below(sessions.length), 1)[0].mailbox.close() },
        cancel: async () => {
          const submission = submissions.length > 0 ? random.of(submissions) : undefined
          if (!submission) return
          await gateway.store.cancel(submission.token)
          end(submission)
        },
        expire: async () => {
          const mortal = submissions.filter((submission) => submission.mortal && !submission.ended)
          for (const submission of random.some(mortal, 0.5)) {
            await gateway.database.write((tx) => tx.run('UPDATE submissions SET expires_at = 1 WHERE token = ?', [submission.token]))
            end(submission)
          }
          await gateway.reaper.expire()
        },
        unpin: async () => {
          const entries = boxes.flatMap((account) => [...account.values()]).flatMap((box) => [...box.values()]).filter((entry) => entry.pin)
          if (entries.length === 0) return
          const entry = random.of(entries)
          await gateway.retrieval.unpin(entry.pin!.submission.identifiers[entry.pin!.recipient])
          delete entry.pin
        },
        create: async () => {
          const [account, name] = [random.of(accounts), `m${made++}`]
          await gateway.mailboxes.create(ids[account], name)
          boxes[account].set(name, new Map())
        },
        rename: async () => {
          const account = random.of(accounts)
          const [from, to] = [random.chance(0.2) ? 'INBOX' : spare(account), `m${made++}`]
          if (from === undefined) return
          await gateway.mailboxes.rename(ids[account], from, to)
          if (from !== 'INBOX') {
            boxes[account].set(to, boxes[account].get(from)!)
            boxes[account].delete(from)
            return
          }
          // Its messages move, in order, and start counting anew.
          const inbox = boxes[account].get('INBOX')!
          boxes[account].set(to, new Map([...inbox].sort(([a], [b]) => a - b).map(([, { message, size, flags }], i) => [i + 1, { message, size, flags }])))
          inbox.clear()
        },
        delete: async () => {
          const account = random.of(accounts)
          const name = spare(account)
          if (name !== undefined) await drop(account, name)
        },
        'append while the mailbox goes': async () => {
          const account = random.of(accounts)
          const name = spare(account)
          if (name === undefined) return
          // Sessions first: the append resolves the name while it is still there.
          const target = append(account, name)
          await Promise.all([append(account, 'Archive'), target, drop(account, name)])
        },
        reap: () => gateway.reaper.reap(),
      }
      for (let step = 0; step < steps; step++) await acts[random.of(Object.keys(acts))]()
      for (const { mailbox } of sessions) mailbox.close()
      await gateway.reaper.reap()
      await check()
      // The next round begins with what is left here, but not with ever more mailboxes.
      for (const account of accounts) for (const name of [...boxes[account].keys()].filter((one) => one.startsWith('m'))) await drop(account, name)
    }

    async function check(): Promise<void> {
      const { gateway, ids } = core
      const { read } = gateway.database
      const held = new Set<number>(submissions.filter((submission) => submission.listed).map((submission) => submission.message))
      for (const [account, names] of boxes.entries()) {
        const usage = { octets: 0, messages: 0 }
        for (const [name, box] of names) {
          for (const { message, size } of box.values()) {
            held.add(message)
            usage.octets += size
            usage.messages++
          }
          const mailbox = await gateway.mailboxes.open(ids[account], name, { readOnly: true })
          const { index } = mailbox
          expect([...index.uids.subarray(0, index.count)].map((uid, i) => [uid, index.messages[i], index.flags[i]])).toEqual([...box].sort(([a], [b]) => a - b).map(([uid, entry]) => [uid, entry.message, entry.flags]))
          const fresh = (await loadIndex(gateway.database, mailbox.id, () => []))!
          const columns = (one: typeof index): unknown => [one.count, one.modseq, one.uidNext, ...[one.uids, one.flags, one.keywords, one.modseqs, one.sizes, one.internalDates, one.saveDates, one.messages].map((column) => [...column.subarray(0, one.count)])]
          expect(columns(index)).toEqual(columns(fresh))
          const { unseen, deleted, size } = await gateway.mailboxes.status(ids[account], name)
          expect([unseen, deleted, size]).toEqual([fresh.unseen, fresh.deletedFlags, fresh.octets])
          mailbox.close()
        }
        expect(await gateway.accounts.usage(ids[account])).toMatchObject(usage)
        expect(await read.get('SELECT CAST(sum(octets) AS BIGINT) AS octets, CAST(sum(messages) AS BIGINT) AS messages FROM mailboxes WHERE account = ?', [ids[account]])).toEqual(usage)
      }
      const rows = await read.all<{ id: number; ref: string | null }>('SELECT id, ref FROM messages ORDER BY id')
      expect(rows.map((row) => row.id)).toEqual([...held].sort((a, b) => a - b))
      expect((await read.all<{ message: number }>('SELECT message FROM octets ORDER BY message')).map((row) => row.message)).toEqual(rows.filter((row) => row.ref === null).map((row) => row.id))
      const files = (): string[] => readdirSync(join(core.data, 'blobs'), { recursive: true }).map(String).filter((name) => /[0-9a-f]{32}$/.test(name)).map((name) => name.slice(-32)).sort()
      await expect.poll(files).toEqual(rows.flatMap((row) => row.ref ?? []).sort())
      expect(readdirSync(join(core.data, 'spool'))).toEqual([])
      const pinned = boxes.flatMap((account) => [...account.values()]).flatMap((box) => [...box.values()]).filter((entry) => entry.pin).length
      expect(await read.get('SELECT count(*) AS n FROM recipients WHERE pinned = 1')).toEqual({ n: pinned })
      expect(await read.all('SELECT uid FROM entries WHERE keywords <> 0 AND NOT EXISTS (SELECT 1 FROM keyword_sets k WHERE k.id = entries.keywords)')).toEqual([])
    }

    it.each(Array.from({ length: rounds }, (_, i) => firstSeed + i))('holds what somebody holds, and nothing else (HOLDERS_SEED=%i)', (seed) => round(seed))
  })
}
