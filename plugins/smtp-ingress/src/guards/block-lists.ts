// DNS block lists (RFC 5782): asked all at once, each answer remembered for a while; a list that fails lists nobody.
import { networks, reversed, type Clock, type Log } from '@restante/core'
import type { GuardConfig } from './config.js'

export interface Listed { readonly zone: string; readonly action: 'refuse' | 'junk' }
export interface BlockListParts {
  readonly lists: GuardConfig['blockLists']
  readonly timeMs: number
  /** As node:dns has it. */
  readonly resolve: (name: string, type: string) => Promise<unknown>
  readonly clock: Clock
  readonly log: Log
}

const rememberMs = 300_000
const remembered = 20_000

export function createBlockLists({ lists, timeMs, resolve, clock, log }: BlockListParts): (address: string) => Promise<Listed | undefined> {
  const known = new Map<string, { readonly until: number; readonly answer: Promise<Listed | undefined> }>()
  const asked = lists.map((list) => ({ ...list, means: networks(list.answers) }))

  async function listedBy(address: string, { zone, action, means }: (typeof asked)[number]): Promise<Listed | undefined> {
    try {
      const answers = await resolve(`${reversed(address)}.${zone}`, 'A') as readonly string[]
      return answers.some((answer) => answer !== '127.0.0.1' && means(answer)) ? { zone, action } : undefined
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'ENOTFOUND' && code !== 'ENODATA') log.warn({ zone, code }, 'a block list does not answer')
      return undefined
    }
  }
  /** The strictest; whoever has not answered in time has nothing to say. */
  async function ask(address: string): Promise<Listed | undefined> {
    const found: Listed[] = []
    let timer: { clear(): void } | undefined
    const late = new Promise<void>((done) => { timer = clock.after(timeMs, done) })
    await Promise.race([late, Promise.all(asked.map(async (list) => {
      const listed = await listedBy(address, list)
      if (listed) found.push(listed)
    }))])
    timer?.clear()
    return found.find(({ action }) => action === 'refuse') ?? found[0]
  }

  return (address) => {
    if (asked.length === 0 || reversed(address) === undefined) return Promise.resolve(undefined)
    const now = clock.now()
    const before = known.get(address)
    if (before && before.until > now) return before.answer
    known.delete(address)
    if (known.size >= remembered) known.delete(known.keys().next().value!)
    const answer = ask(address)
    known.set(address, { until: now + rememberMs, answer })
    return answer
  }
}
