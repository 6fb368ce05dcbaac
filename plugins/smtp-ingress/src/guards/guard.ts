// What strangers meet at the MX listener, in order: rates, the name in HELO, the name in DNS, block lists, greylisting; and the
// brakes on guessing. Knows no sockets.
import { countedAs, iprev, isLoopback, networks, type Clock, type Metrics } from '@restante/core'
import type { Peer } from '../policy.js'
import { reply, said, type Reply } from '../replies.js'
import type { Listed } from './block-lists.js'
import type { GuardConfig } from './config.js'
import { Counts } from './counts.js'

/** Each answers what to refuse with; undefined: go on. */
export interface Guard {
  connects(address: string): Reply | undefined
  says(address: string): Reply | undefined
  /** A recipient whom there is. `junk`: take the message for unwanted. */
  names(peer: Peer, sender: string, recipient: string): Promise<Reply | { readonly junk: string } | undefined>
  /** A recipient whom there is not. Resolves when the guesser has waited long enough. */
  misses(address: string): Promise<Reply | undefined>
  /** Whether it may say whom it speaks for (XCLIENT). */
  speaksForOthers(address: string): boolean
}

export interface GuardParts {
  readonly config: GuardConfig
  readonly blockLists: (address: string) => Promise<Listed | undefined>
  /** Seconds to wait; undefined: no greylisting. */
  readonly greylist: ((address: string, helo: string, sender: string, recipient: string) => Promise<number>) | undefined
  /** As node:dns has it. */
  readonly resolve: (name: string, type: string) => Promise<unknown>
  /** Names that are ours, in lower case: nobody else may greet with them. */
  readonly ours: ReadonlySet<string>
  readonly metrics: Metrics
  readonly clock: Clock
}

export function createGuard({ config, blockLists, greylist, resolve, ours, metrics, clock }: GuardParts): Guard {
  const { rates, tarpit } = config
  const trusted = networks(config.trusted)
  const proxies = networks(config.xclient)
  const refused = metrics.counter('restante_smtp_guarded_total', 'What strangers were refused or made to wait for, by check.')
  const counts = { connections: new Counts(rates.window * 1000, clock), commands: new Counts(rates.window * 1000, clock), recipients: new Counts(rates.window * 1000, clock), misses: new Counts(tarpit.window * 1000, clock) }
  const known = (address: string): boolean => isLoopback(address) || trusted(address)
  const noted = (check: string, refusal: Reply): Reply => {
    refused.add(1, { check })
    return refusal
  }
  const above = (what: 'connections' | 'commands' | 'recipients', address: string): boolean => rates[what] > 0 && !known(address) && counts[what].add(countedAs(address)) > rates[what]

  return {
    connects: (address) => (above('connections', address) ? noted('connections', said.tooOften) : undefined),
    says: (address) => (above('commands', address) ? noted('commands', said.tooOften) : undefined),
    speaksForOthers: (address) => proxies(address),
    async names({ remoteAddress, helo }, sender, recipient) {
      if (known(remoteAddress)) return undefined
      if (above('recipients', remoteAddress)) return noted('recipients', said.tooManyNamed)
      // RFC 5321 4.5.1: whoever is refused must be able to write to somebody.
      if (/^postmaster(@|$)/i.test(recipient)) return undefined
      if (config.helo === 'plausible' && !isPlausible(helo, ours)) return noted('helo', said.heloRefused)
      if (config.reverseName !== 'any') {
        const { result } = await iprev(remoteAddress, resolve)
        if (result === 'permerror' || (result === 'fail' && config.reverseName === 'confirmed')) return noted('reverse-name', said.noReverseName)
      }
      const listed = await blockLists(remoteAddress)
      if (listed?.action === 'refuse') return noted('block-list', said.listed(remoteAddress, listed.zone))
      const seconds = await greylist?.(remoteAddress, helo, sender, recipient) ?? 0
      if (seconds > 0) return noted('greylist', said.greylisted(seconds))
      if (listed) refused.add(1, { check: 'block-list' })
      return listed && { junk: `${remoteAddress} is listed by ${listed.zone}` }
    },
    async misses(address) {
      if (known(address)) return undefined
      const misses = counts.misses.add(countedAs(address))
      if (tarpit.hangUp > 0 && misses > tarpit.hangUp) return noted('guesses', reply(421, '4.7.0 Too many unknown recipients'))
      if (tarpit.after === 0 || misses <= tarpit.after) return undefined
      refused.add(1, { check: 'tarpit' })
      await new Promise<void>((resolve) => { clock.after(Math.min(tarpit.longest, tarpit.delay * (misses - tarpit.after)) * 1000, resolve) })
      return undefined
    },
  }
}

/** RFC 5321 4.1.1.1, 2.3.5: a name with a dot in it, or an address in brackets. */
function isPlausible(helo: string, ours: ReadonlySet<string>): boolean {
  const name = helo.toLowerCase().replace(/\.$/, '')
  return /^\[(?:\d{1,3}(?:\.\d{1,3}){3}|ipv6:[0-9a-f:.]+)\]$/.test(name) || (/^(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])$/.test(name) && !ours.has(name))
}
