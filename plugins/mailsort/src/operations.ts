// What the command line (and later the pages) can ask of MailSort. Arguments and results are JSON.
import { failure, type Account, type Accounts, type Contents, type Mailboxes, type Operation, type Spool } from '@restante/core'
import { apply } from './apply.js'
import { evaluateWith, type Outcome } from './evaluate.js'
import type { Filters } from './filters.js'
import { describeAction, describeTest } from './language/format.js'
import type { Program } from './program.js'
import type { Repository } from './repository.js'
import type { Sorter } from './sorter.js'

export interface OperationsParts {
  readonly accounts: Accounts
  readonly mailboxes: Mailboxes
  readonly contents: Contents
  readonly spool: Spool
  readonly filters: Filters
  readonly repository: Repository
  readonly sorter: Sorter
  readonly now: () => number
  readonly evaluationMs: number
}

export function makeOperations(parts: OperationsParts): Readonly<Record<string, Operation>> {
  const { accounts, filters, repository, sorter } = parts
  const named = async (user: string): Promise<Account> => {
    const account = await accounts.byName(user)
    if (!account) throw failure('ACCOUNT_NOT_FOUND', { account: user })
    return account
  }
  const programOf = async (account: Account): Promise<Program> => await filters.program(account.id) ?? { rules: [], templates: new Map(), timezone: undefined, asksFirst: false }
  return {
    async 'mailsort.list'({ user }: { user: string }) {
      const file = filters.check(await filters.text((await named(user)).id))
      return file.items.flatMap((item) => (item.kind === 'rule' ? [{ name: item.name, on: item.on, test: item.test ? describeTest(item.test) : 'always', actions: item.actions.map(describeAction) }] : []))
    },
    'mailsort.text': async ({ user }: { user: string }) => ({ text: await filters.text((await named(user)).id) }),
    async 'mailsort.save'({ user, text }: { user: string; text: string }) {
      const { items } = await filters.save((await named(user)).id, text)
      return { user, rules: items.filter(({ kind }) => kind === 'rule').length }
    },
    async 'mailsort.errors'({ user, clear }: { user: string; clear?: boolean }) {
      const { id } = await named(user)
      const notes = await repository.notes(id)
      if (clear) await repository.clearNotes(id)
      return notes
    },
    /** Runs the rules over a message that is not delivered. `message` in base64. */
    async 'mailsort.test'({ user, message, sender = '', protocol = 'ESMTP' }: { user: string; message: string; sender?: string; protocol?: string }) {
      const account = await named(user)
      const program = await programOf(account)
      const octets = Buffer.from(message, 'base64')
      const writer = parts.spool.open({ expectedSize: octets.length })
      await writer.write(octets)
      const spooled = await writer.seal()
      try {
        const heard: { test: string; held: boolean; value?: string }[] = []
        const its = await sorter.circumstances(program, { account: account.id, recipient: account.name, originator: { account: null, name: sender, protocol }, summary: spooled.summary, at: parts.now() })
        const steps: { rule: string; applies: boolean; tests: typeof heard }[] = []
        const observed: Program = {
          ...program,
          rules: program.rules.map((rule) => ({ ...rule, holds: (one) => {
            heard.length = 0
            const applies = rule.holds(one)
            steps.push({ rule: rule.name, applies, tests: [...heard] })
            return applies
          } })),
        }
        const read = async (from: number, length: number): Promise<Buffer> => {
          steps.length = 0
          return octets.subarray(from, from + length)
        }
        const outcome = await evaluateWith(observed, { ...its, heard: (test, held, value) => heard.push({ test, held, ...(value ? { value: value.slice(0, 200) } : {}) }) }, read, 5000)
        return { steps: withoutRestarts(steps), would: await sentences(outcome, account) }
      } finally {
        await spooled.discard()
      }
    },
    async 'mailsort.apply'({ user, mailbox, run = false }: { user: string; mailbox: string; run?: boolean }) {
      const account = await named(user)
      return apply({ ...parts, evaluationMs: parts.evaluationMs }, await programOf(account), account, mailbox, run)
    },
  }

  async function sentences({ copies, reject, after }: Outcome, { id }: Account): Promise<string[]> {
    const where = await Promise.all(copies.map(async ({ mailbox, ifExists, flags, keywords }) => {
      const marks = [...(flags ? [`flags ${flags}`] : []), ...(keywords.length > 0 ? [`keywords ${keywords.join(' ')}`] : [])]
      return `file into ${typeof mailbox === 'string' ? mailbox : await sorter.junkOf(id)}${ifExists ? ' if it exists' : ''}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}`
    }))
    const later = after.map((one) => (one.do === 'forward' ? `forward to ${one.addresses.join(', ')}` : one.do === 'reply' ? `reply with ${one.template}` : 'send the vacation message'))
    const nothing = where.length === 0 && later.length === 0 && reject === undefined
    return [...(reject === undefined ? [] : [`reject: ${reject}`]), ...where, ...later, ...(nothing ? ['discard'] : [])]
  }
}

/** Evaluation begins again when octets had to be read: the last pass tells. */
function withoutRestarts<T extends { readonly rule: string }>(steps: readonly T[]): readonly T[] {
  const last = new Map(steps.map((step, i) => [step.rule, i]))
  return steps.filter((step, i) => last.get(step.rule) === i)
}
