// Rules over mail that is there already: what they would do, and doing it. Only what concerns the mailboxes; nothing is sent.
import { flagBits, type AccountId, type Contents, type Mailboxes, type MessageId, type OpenMailbox, type Summary, type Uid } from '@restante/core'
import { evaluateWith, type Outcome } from './evaluate.js'
import type { Program } from './program.js'
import type { Sorter } from './sorter.js'

export interface ApplyParts { readonly mailboxes: Mailboxes; readonly contents: Contents; readonly sorter: Sorter; readonly evaluationMs: number }
/** What is (or would be) done, as sentences with counts. */
export interface Applied { readonly messages: number; readonly matched: number; readonly done: readonly { readonly what: string; readonly messages: number }[]; readonly skipped: readonly { readonly what: string; readonly messages: number }[] }

const summaryFields = ['size', 'headerSize', 'parts', 'headers', 'sort', 'hasAttachment'] as const
const atOnce = 500

/** @param run false: only says what would be done */
export async function apply(parts: ApplyParts, program: Program, account: { readonly id: AccountId; readonly name: string }, mailbox: string, run: boolean): Promise<Applied> {
  const box = await parts.mailboxes.open(account.id, mailbox, { readOnly: !run })
  try {
    const acts = new Map<string, { readonly act: (uids: readonly Uid[]) => Promise<unknown>; readonly uids: Uid[]; readonly last: boolean }>()
    const skipped = new Map<string, number>()
    let matched = 0
    const uids = [...box.index.uids.subarray(0, box.index.count)] as Uid[]
    for (let i = 0; i < uids.length; i += atOnce) {
      for (const [uid, outcome] of await outcomes(parts, program, account, box, uids.slice(i, i + atOnce))) {
        if (outcome.applied.length === 0) continue
        matched++
        await plan(parts, account.id, box, uid, outcome, acts, skipped)
      }
    }
    // Copies before moves, and what takes a message away last.
    const ordered = [...acts].sort(([, a], [, b]) => Number(a.last) - Number(b.last))
    if (run) for (const [, { act, uids: its }] of ordered) for (let i = 0; i < its.length; i += atOnce) await act(its.slice(i, i + atOnce))
    return {
      messages: uids.length, matched, done: ordered.map(([what, { uids: its }]) => ({ what, messages: its.length })),
      skipped: [...skipped].map(([what, messages]) => ({ what, messages })),
    }
  } finally {
    box.close()
  }
}

async function outcomes({ mailboxes, contents, sorter, evaluationMs }: ApplyParts, program: Program, account: { readonly id: AccountId; readonly name: string }, box: OpenMailbox, uids: readonly Uid[]): Promise<[Uid, Outcome][]> {
  const entries = new Map(uids.flatMap((uid) => { const entry = box.index.entry(uid); return entry ? [[uid, entry] as const] : [] }))
  const summaries = new Map<MessageId, Summary>()
  for await (const chunk of mailboxes.summaries([...new Set([...entries.values()].map(({ message }) => message))], summaryFields)) for (const [id, summary] of chunk) summaries.set(id, summary as Summary)
  const found: [Uid, Outcome][] = []
  for (const [uid, { message, internalDate }] of entries) {
    const summary = summaries.get(message)
    if (!summary) continue
    const its = await sorter.circumstances(program, { account: account.id, recipient: account.name, originator: { account: null, name: '', protocol: 'ESMTP' }, summary, at: internalDate })
    const octets = async (from: number, length: number): Promise<Buffer> => {
      const chunks: Buffer[] = []
      for await (const chunk of (await contents.open(message)).range(from, length)) chunks.push(chunk)
      return Buffer.concat(chunks)
    }
    found.push([uid, await evaluateWith(program, its, octets, evaluationMs)])
  }
  return found
}

async function plan({ mailboxes, sorter }: ApplyParts, account: AccountId, box: OpenMailbox, uid: Uid, { copies, reject, after }: Outcome,
  acts: Map<string, { act: (uids: readonly Uid[]) => Promise<unknown>; uids: Uid[]; last: boolean }>, skipped: Map<string, number>): Promise<void> {
  const add = (what: string, last: boolean, act: (uids: readonly Uid[]) => Promise<unknown>): void => {
    const known = acts.get(what)
    if (known) known.uids.push(uid)
    else acts.set(what, { act, uids: [uid], last })
  }
  const skip = (what: string): void => { skipped.set(what, (skipped.get(what) ?? 0) + 1) }
  for (const one of after) skip({ forward: 'forward', vacation: 'send vacation', reply: 'reply' }[one.do])
  if (reject !== undefined) return skip('reject')
  const places = await Promise.all(copies.map(async (copy) => ({ ...copy, name: typeof copy.mailbox === 'string' ? copy.mailbox : await sorter.junkOf(account) })))
  const entry = box.index.entry(uid)!
  const marks = places.reduce((all, { flags }) => all | flags, 0)
  const keywords = [...new Set(places.flatMap((place) => place.keywords))]
  const has = new Set(box.index.keywordNames(entry.keywords).map((name) => name.toLowerCase()))
  if ((marks & ~entry.flags) !== 0 || keywords.some((keyword) => !has.has(keyword.toLowerCase()))) {
    const names = [...Object.entries(flagBits).filter(([, bit]) => (marks & bit) !== 0).map(([name]) => name), ...keywords]
    add(`set ${names.join(' ')}`, false, (uids) => box.changeFlags(uids, { mode: 'add', flags: marks, keywords }))
  }
  const away = places.filter(({ name }) => name !== box.name && !(name === 'INBOX'))
  const stays = places.some(({ name }) => name === box.name || name === 'INBOX')
  if (places.length === 0) {
    // With \Deleted first: expunging takes nothing else.
    return add('delete', true, async (uids) => {
      await box.changeFlags(uids, { mode: 'add', flags: flagBits['\\Deleted'], keywords: [] })
      await box.expunge(uids)
    })
  }
  for (const [i, place] of away.entries()) {
    const moves = !stays && i === away.length - 1
    const missing = place.ifExists ? !(await mailboxes.list(account)).some(({ name, selectable }) => name === place.name && selectable) : false
    if (missing) {
      skip(`${place.name} is not there`)
      continue
    }
    add(`${moves ? 'move' : 'copy'} to ${place.name}`, moves, async (uids) => {
      if (!place.ifExists) await mailboxes.create(account, place.name).catch((error: { code?: string }) => { if (error.code !== 'MAILBOX_EXISTS') throw error })
      await (moves ? box.move(uids, place.name) : box.copy(uids, place.name))
    })
  }
}
