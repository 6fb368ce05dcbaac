// Runs rules over one message: what holds, and what is to be done. Pure, but for the clock that bounds it.
import type { Action, Mark } from './language/rule.js'
import { Missing, type Message } from './message.js'
import type { Circumstances, Program } from './program.js'

/** A copy that a rule wants; INBOX by the name 'INBOX', the junk mailbox as `junk`. */
export interface WantedCopy { readonly mailbox: string | { readonly junk: true }; /** No rule said so. */ readonly usual?: boolean; readonly ifExists: boolean; readonly flags: number; readonly keywords: readonly string[] }
export type Afterwards =
  | { readonly do: 'forward'; readonly addresses: readonly string[] }
  | { readonly do: 'vacation'; readonly template?: string; readonly days?: number }
  | { readonly do: 'reply'; readonly template: string }

export interface Outcome {
  /** Where the message goes; nowhere: it is discarded. */
  readonly copies: readonly WantedCopy[]
  readonly reject: string | undefined
  readonly after: readonly Afterwards[]
  /** Names of the rules that applied, in order. */
  readonly applied: readonly string[]
}

/** Thrown when rules take longer than they may. */
export class Overrun extends Error {
  constructor(readonly rule: string) { super(`the rules took too long; the last was ${JSON.stringify(rule)}`) }
}

const bits: Readonly<Record<Mark, number>> = { read: 1, answered: 2, flagged: 4, deleted: 8, draft: 16 }
/** Addresses that one message is forwarded to at most. */
const mostForwards = 50

/**
 * @param until performance.now() at which to give up
 * Throws Missing when octets are needed, Overrun.
 */
export function evaluate(program: Program, its: Circumstances, until: number): Outcome {
  const copies: WantedCopy[] = []
  const after: Afterwards[] = []
  const applied: string[] = []
  const forwards = new Set<string>()
  let [keeps, kept, flags, keywords, reject]: [boolean, boolean, number, readonly string[], string | undefined] = [true, false, 0, [], undefined]
  const copy = (mailbox: WantedCopy['mailbox'], ifExists: boolean, more: readonly string[] = []): void => { copies.push({ mailbox, ifExists, flags, keywords: [...keywords, ...more] }) }
  for (const [i, rule] of program.rules.entries()) {
    if ((i & 15) === 0 && performance.now() > until) throw new Overrun(rule.name)
    if (!rule.holds(its)) continue
    applied.push(rule.name)
    // Marks of a rule hold for whatever else it does, wherever they stand in it.
    for (const action of rule.actions) {
      if (action.kind === 'mark') for (const mark of action.marks) flags |= bits[mark]
      else if (action.kind === 'keyword') keywords = [...new Set([...keywords, ...action.keywords])]
    }
    let stops = false
    for (const action of rule.actions) stops = act(action) || stops
    if (stops) break
  }
  if (keeps) copies.push({ mailbox: 'INBOX', ...(kept ? {} : { usual: true }), ifExists: false, flags, keywords })
  return { copies, reject, after, applied }

  /** Whether it ends the rules. */
  function act(action: Action): boolean {
    switch (action.kind) {
      case 'move': keeps = false; copy(action.mailbox, action.ifExists); break
      case 'copy': copy(action.mailbox, action.ifExists); break
      case 'keep': kept = true; copy('INBOX', false); break
      case 'spam': keeps = false; copy({ junk: true }, false, ['$Junk']); break
      case 'discard': keeps = false; break
      case 'reject': keeps = false; reject ??= action.text; break
      case 'forward': {
        if (!action.copy) keeps = false
        const addresses = action.addresses.filter((address) => !forwards.has(address.toLowerCase()) && forwards.size < mostForwards && forwards.add(address.toLowerCase()))
        if (addresses.length > 0) after.push({ do: 'forward', addresses })
        break
      }
      case 'vacation': after.push({ do: 'vacation', ...(action.template === undefined ? {} : { template: action.template }), ...(action.days === undefined ? {} : { days: action.days }) }); break
      case 'reply': after.push({ do: 'reply', template: action.template }); break
      case 'stop': return true
    }
    return false
  }
}

/** The same, reading what is missing on the way. */
export async function evaluateWith(program: Program, its: Circumstances, octets: (from: number, length: number) => Promise<Buffer>, milliseconds: number, message: Message = its.message): Promise<Outcome> {
  for (let tries = 0; ; tries++) {
    try {
      return evaluate(program, its, performance.now() + milliseconds)
    } catch (error) {
      if (!(error instanceof Missing) || tries >= 2) throw error
      await message.bring(error.what, octets)
    }
  }
}
