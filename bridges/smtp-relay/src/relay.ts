// The relay: recipients whose domain has no agent get their mail by SMTP. There is no queue here: the store's recipients are the
// queue, and it tells us who is due. Recipients of one message at one host share a transaction.
import { pipeline, Readable } from 'node:stream'
import { isFailure, parseAddressList, splitFields, type Accounts, type Clock, type Contents, type Log, type MessageId, type OwedReport, type Relay, type RelayDone, type RelayOutcome, type RelayRecipient } from '@restante/core'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import type { Config } from './config.js'
import { LineEnds, look, type Look } from './content.js'
import type { Connections } from './connections.js'
import type { Keys } from './keys.js'
import { again, type Verdict } from './outcome.js'
import type { Routed } from './route.js'

export interface RelayParts {
  readonly config: Config
  readonly hostname: string
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  readonly contents: Contents
  readonly accounts: Accounts
  readonly keys: Keys
  readonly connections: Connections
  readonly route: (domain: string, sender: string) => Promise<Routed>
  readonly count: (result: Verdict['kind']) => void
}

/** Recipients of one message by one road. */
interface Group { readonly message: MessageId; readonly sender: string; readonly recipients: readonly RelayRecipient[] }

const signedFields = 'From:Sender:Reply-To:Subject:Date:Message-ID:To:Cc:MIME-Version:Content-Type:Content-Transfer-Encoding:In-Reply-To:References:List-Id:List-Unsubscribe'

export function makeRelay(parts: RelayParts): Relay {
  const { config, clock, connections, contents, log } = parts

  /** Late, and its sender does not know yet. */
  const isLate = ({ submittedAt, warned }: RelayRecipient, now: number): boolean => !warned && config.warnAfter > 0 && now - submittedAt >= config.warnAfter * 1000

  return {
    async relay(domain, recipients, done, signal) {
      for (const [sender, groups] of bySender(recipients)) {
        const routed = await parts.route(domain, sender)
        if (!('road' in routed)) {
          const verdict: Verdict = { kind: routed.kind, status: routed.status, why: routed.why }
          for (const group of groups) await settle(group, () => verdict, done)
          continue
        }
        // Several conversations only where there is enough to say.
        const waiting = [...groups]
        const hands = Math.min(config.connections, Math.ceil(groups.length / 5))
        await Promise.all(Array.from({ length: hands }, async () => {
          let conversation: Awaited<ReturnType<Connections['open']>> | undefined
          for (let group = waiting.shift(); group && !signal.aborted; group = waiting.shift()) {
            conversation ??= await connections.open(routed.road, signal)
            if ('kind' in conversation) {
              const verdict = conversation
              await settle(group, () => verdict, done)
              continue
            }
            if (await hand(group, conversation, done)) {
              conversation.done(true)
              conversation = undefined
            }
          }
          if (conversation && !('kind' in conversation)) conversation.done(false)
        }))
      }
    },
  }

  /** Answers whether the conversation is broken. */
  async function hand(group: Group, conversation: Exclude<Awaited<ReturnType<Connections['open']>>, Verdict>, done: RelayDone): Promise<boolean> {
    const found = await prepare(group)
    if ('kind' in found) {
      await settle(group, () => found, done)
      return false
    }
    for (let i = 0; i < group.recipients.length; i += config.perTransaction) {
      const part = { ...group, recipients: group.recipients.slice(i, i + config.perTransaction) }
      const { verdicts, broken, reports } = await conversation.send({
        from: group.sender, to: new Map(part.recipients.map((one) => [one.address, one.wishes])), reports: group.recipients[0].reports, size: found.size, eightBit: found.seen.eightBit, octets: found.octets(),
      })
      await settle(part, (recipient) => verdicts.get(recipient.address)!, done, reports)
      if (!broken) continue
      // The rest of a message whose conversation broke comes again soon: nothing was said of it.
      const rest = { ...group, recipients: group.recipients.slice(i + config.perTransaction) }
      await settle(rest, () => ({ kind: 'temporary', status: '4.4.2', why: `the conversation with ${conversation.host} broke` }), done)
      return true
    }
    return false
  }

  /** What goes out: the stored octets with line ends that SMTP has, signatures before them. */
  async function prepare({ message, recipients }: Group): Promise<{ readonly seen: Look; readonly size: number; readonly octets: () => Readable } | Verdict> {
    try {
      const content = await contents.open(message)
      const raw = (): AsyncIterable<Buffer> => content.range(0, content.size)
      const seen = await look(raw())
      if (seen.nul) return { kind: 'permanent', status: '5.6.0', why: 'the message contains NUL, which SMTP cannot carry' }
      if (seen.hops > config.hops) return { kind: 'permanent', status: '5.4.6', why: `the message has ${seen.hops} Received fields: it goes in circles` }
      const body = (): Readable => pipeline(Readable.from(raw(), { objectMode: false }), new LineEnds(), () => undefined)
      const signatures = await sign(seen, recipients[0].account, body)
      const head = Buffer.from(signatures, 'latin1')
      return { seen, size: seen.size + head.length, octets: () => Readable.from((async function* () {
        if (head.length > 0) yield head
        yield* body() as AsyncIterable<Buffer>
      })(), { objectMode: false }) }
    } catch (error) {
      if (isFailure(error, 'MESSAGE_NOT_FOUND')) return { kind: 'permanent', status: '5.6.0', why: 'the message is gone' }
      log.error({ err: error, message }, 'a message cannot be relayed just now')
      return { kind: 'temporary', status: '4.3.0', why: 'the message cannot be read just now' }
    }
  }

  /** In the name of the domain in From, when somebody with an account here has sent it and may write so; '' for all else. */
  async function sign({ header }: Look, account: RelayRecipient['account'], body: () => Readable): Promise<string> {
    if (account === null) return ''
    const authors = splitFields(header).filter((field) => field.name === 'from').flatMap((field) => parseAddressList(field.value)).flatMap((one) => (one.kind === 'mailbox' ? [`${one.local}@${one.domain}`] : []))
    const owner = await parts.accounts.byId(account).catch(() => undefined)
    if (authors.length !== 1 || !owner || !await parts.accounts.owns(owner, authors[0]).catch(() => false)) return ''
    const domain = domainOf(authors[0])
    const keys = await parts.keys.signing(domain)
    if (keys.length === 0) return ''
    const { signatures, errors } = await dkimSign(body(), {
      canonicalization: 'relaxed/relaxed', signTime: new Date(clock.now()), headerList: signedFields.split(':'),
      signatureData: keys.map(({ selector, privateKey, algorithm }) => ({ signingDomain: domain, selector, privateKey, algorithm: algorithm === 'rsa' ? 'rsa-sha256' : 'ed25519-sha256' })),
    })
    for (const { err } of errors) log.error({ err, domain }, 'a message could not be signed')
    return signatures.trim() === '' ? '' : signatures
  }

  /** Writes down what became of each, with what the sender must know of it. @param reports the next server reports from here on */
  async function settle(group: Group, verdictOf: (recipient: RelayRecipient) => Verdict, done: RelayDone, reports = false): Promise<void> {
    const now = clock.now()
    const owed: Record<OwedReport['kind'], OwedReport['about'][number][]> = { failed: [], delayed: [], relayed: [], delivered: [] }
    const results = group.recipients.map((recipient) => {
      let verdict = verdictOf(recipient)
      const next = verdict.kind === 'temporary' ? again(recipient.attempts, recipient.submittedAt, now, config, parts.random()) : undefined
      if (verdict.kind === 'temporary' && next === undefined) verdict = { ...verdict, kind: 'permanent', status: '4.4.7', why: `given up after ${Math.round(config.giveUp / 3600)} hours; at last: ${verdict.why}` }
      parts.count(verdict.kind)
      log.info({ to: domainOf(recipient.address), message: group.message, result: verdict.kind, status: verdict.status, why: verdict.why }, 'relayed by SMTP')
      const { kind, status, ...words } = verdict
      if (kind === 'permanent') owed.failed.push({ id: recipient.id, status, ...words })
      else if (kind === 'delivered') {
        if (!reports) owed.relayed.push({ id: recipient.id, status, ...words })
      } else if (isLate(recipient, now)) owed.delayed.push({ id: recipient.id, ...words, status: `4${status.slice(1)}` })
      return { recipient, outcome: { kind, why: verdict.why, ...(kind === 'temporary' ? { again: next! } : {}) } as RelayOutcome }
    })
    if (results.length === 0) return
    const { submission, submittedAt } = group.recipients[0]
    await done(results, (Object.keys(owed) as OwedReport['kind'][]).filter((kind) => owed[kind].length > 0 && isHeardOf(kind, group.recipients))
      .map((kind) => ({ kind, submission, about: owed[kind], ...(kind === 'delayed' ? { left: config.giveUp - (now - submittedAt) / 1000 } : {}) })))
  }
}

/** Most success is of no interest to anybody: no row is written for it. */
const isHeardOf = (kind: OwedReport['kind'], recipients: readonly RelayRecipient[]): boolean => kind !== 'relayed' || recipients.some(({ wishes }) => wishes.notify?.includes('SUCCESS'))

function bySender(recipients: readonly RelayRecipient[]): Map<string, Group[]> {
  const groups = new Map<string, { message: MessageId; sender: string; recipients: RelayRecipient[] }>()
  for (const recipient of recipients) {
    // An originator that is no address is an account's name at this store.
    const key = `${recipient.submission}`
    const group = groups.get(key) ?? { message: recipient.message, sender: recipient.originator, recipients: [] }
    group.recipients.push(recipient)
    groups.set(key, group)
  }
  const senders = new Map<string, Group[]>()
  for (const group of groups.values()) senders.set(group.sender, [...senders.get(group.sender) ?? [], group])
  return senders
}

const domainOf = (address: string): string => /@([A-Za-z0-9.-]+)[^@]*$/.exec(address)?.[1].toLowerCase() ?? ''
