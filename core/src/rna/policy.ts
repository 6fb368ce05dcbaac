// What to do with a notification, by the data that the agent has (im2000.md E.19, policy vocabulary). Pure.
import { BlockList, isIP } from 'node:net'

/** What is known of a notification before it is accepted. */
export interface Facts {
  readonly submitterAddress: string
  /** Domain of the store, or undefined when it is named by literals. */
  readonly storeDomain: string | undefined
  /** Addresses of the store, when it is named by literals. */
  readonly storeLiterals: readonly string[]
  readonly sender: string
  readonly size: number | undefined
  /** Whether the submitter used TLS. */
  readonly tls: boolean
}

/** One rule; all conditions that are given must hold. */
export interface Rule {
  readonly submitter?: readonly string[]
  readonly store?: readonly string[]
  readonly literal?: 'any' | 'private'
  readonly sender?: string
  readonly sizeAbove?: number
  readonly sizeMissing?: true
  readonly clear?: true
  readonly action: Action
}
export type Action = 'refuse' | 'reject' | 'discard' | 'accept'

/** Order of evaluation: the owner's refuse and reject, then the recipient's accept (allow-list), reject, discard; first match wins. */
export function judge(facts: Facts, global: readonly Rule[], personal: readonly Rule[]): Action {
  const first = (rules: readonly Rule[], actions: readonly Action[]): Action | undefined => rules.find((rule) => actions.includes(rule.action) && matches(rule, facts))?.action
  for (const rule of global) if (matches(rule, facts)) return rule.action
  return first(personal, ['accept']) ?? first(personal, ['refuse', 'reject']) ?? first(personal, ['discard']) ?? 'accept'
}

function matches(rule: Rule, facts: Facts): boolean {
  return (rule.submitter === undefined || inNetworks(facts.submitterAddress, rule.submitter)) &&
    (rule.store === undefined || (facts.storeDomain !== undefined && rule.store.some((domain) => within(facts.storeDomain!, domain)))) &&
    (rule.literal === undefined || (facts.storeLiterals.length > 0 && (rule.literal === 'any' || facts.storeLiterals.some(isPrivate)))) &&
    (rule.sender === undefined || like(facts.sender, rule.sender)) &&
    (rule.sizeAbove === undefined || (facts.size !== undefined && facts.size > rule.sizeAbove)) &&
    (rule.sizeMissing === undefined || facts.size === undefined) &&
    (rule.clear === undefined || !facts.tls)
}

const within = (domain: string, parent: string): boolean => {
  const [a, b] = [domain.toLowerCase(), parent.toLowerCase()]
  return a === b || a.endsWith(`.${b}`)
}

/** `*` stands for any characters. Linear: the pieces between asterisks are looked for from left to right. */
function like(text: string, pattern: string): boolean {
  const pieces = pattern.toLowerCase().split('*')
  const folded = text.toLowerCase()
  if (pieces.length === 1) return folded === pieces[0]
  if (!folded.startsWith(pieces[0])) return false
  let at = pieces[0].length
  for (const piece of pieces.slice(1, -1)) {
    const found = folded.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  const last = pieces.at(-1)!
  return folded.length - last.length >= at && folded.endsWith(last)
}

const lists = new Map<string, BlockList>()
function inNetworks(address: string, networks: readonly string[]): boolean {
  const key = networks.join(',')
  let list = lists.get(key)
  if (!list) {
    list = new BlockList()
    for (const network of networks) {
      const [base, prefix] = network.split('/')
      const family = isIP(base) === 6 ? 'ipv6' : 'ipv4'
      if (prefix === undefined) list.addAddress(base, family)
      else list.addSubnet(base, Number(prefix), family)
    }
    lists.set(key, list)
  }
  return isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fc00::/7', 'fe80::/10']
const isPrivate = (address: string): boolean => inNetworks(address.replace(/^::ffff:(?=\d+\.)/i, ''), privateNetworks)
