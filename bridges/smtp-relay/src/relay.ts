// The relay: recipients whose domain has no agent get their mail by SMTP. There is no queue here: the store's recipients are the
// queue, and it tells us who is due. Recipients of one message at one host share a transaction.
import { pipeline, Readable } from 'node:stream'
import { isFailure, parseAddressList, splitFields, type Accounts, type Clock, type Contents, type Log, type MessageId, type MessageStore, type Relay, type RelayOutcome, type RelayRecipient, type TrackingStore } from '@restante/core'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { createHash } from 'node:crypto'
import type { Config } from './config.js'
import { LineEnds, look, type Look } from './content.js'
import type { Connections } from './connections.js'
import type { Keys } from './keys.js'
import { again, type Verdict } from './outcome.js'
import { composeReport } from './report.js'
import type { Routed } from './route.js'

export interface RelayParts {
  readonly config: Config
  readonly hostname: string
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  readonly contents: Contents
  readonly accounts: Accounts
  readonly messageStore: MessageStore
  readonly tracking: TrackingStore
  readonly keys: Keys
  readonly connections: Connections
  readonly route: (domain: string, sender: string) => Promise<Routed>
  readonly count: (result: Verdict['kind']) => void
}

/** Recipients of one message by one road. */
interface Group { readonly message: MessageId; readonly sender: string; readonly recipients: readonly RelayRecipient[] }
type Done = (recipient: RelayRecipient, outcome: RelayOutcome) => Promise<void>

const signedFields = 'From:Sender:Reply-To:Subject:Date:Message-ID:To:Cc:MIME-Version:Content-Type:Content-Transfer-Encoding:In-Reply-To:References:List-Id:List-Unsubscribe'

export function makeRelay(parts: RelayParts): Relay {
  const { config, clock, connections, contents, log } = parts

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
  async function hand(group: Group, conversation: Exclude<Awaited<ReturnType<Connections['open']>>, Verdict>, done: Done): Promise<boolean> {
    const found = await prepare(group)
    if ('kind' in found) {
      await settle(group, () => found, done)
      return false
    }
    for (let i = 0; i < group.recipients.length; i += config.perTransaction) {
      const part = { ...group, recipients: group.recipients.slice(i, i + config.perTransaction) }
      const { verdicts, broken } = await conversation.send({ from: group.sender, to: part.recipients.map((one) => one.address), size: found.size, eightBit: found.seen.eightBit, octets: found.octets() })
      await settle(part, (recipient) => verdicts.get(recipient.address)!, done, found.seen)
      if (!broken) continue
      // The rest of a message whose conversation broke comes again soon: nothing was said of it.
      const rest = { ...group, recipients: group.recipients.slice(i + config.perTransaction) }
      await settle(rest, () => ({ kind: 'temporary', status: '4.4.2', why: `the conversation with ${conversation.host} broke` }), done, found.seen)
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

  /** Writes down what became of each, and tells the sender what he must know. */
  async function settle(group: Group, verdictOf: (recipient: RelayRecipient) => Verdict, done: Done, seen?: Look): Promise<void> {
    const now = clock.now()
    const failed: { recipient: RelayRecipient; verdict: Verdict }[] = []
    const late: typeof failed = []
    const outcomes: [RelayRecipient, RelayOutcome][] = []
    for (const recipient of group.recipients) {
      let verdict = verdictOf(recipient)
      const next = verdict.kind === 'temporary' ? again(recipient.attempts, recipient.submittedAt, now, config, parts.random()) : undefined
      if (verdict.kind === 'temporary' && next === undefined) verdict = { ...verdict, kind: 'permanent', status: '4.4.7', why: `given up after ${Math.round(config.giveUp / 3600)} hours; at last: ${verdict.why}` }
      parts.count(verdict.kind)
      log.info({ to: domainOf(recipient.address), message: group.message, result: verdict.kind, status: verdict.status, why: verdict.why }, 'relayed by SMTP')
      if (verdict.kind === 'permanent') failed.push({ recipient, verdict })
      else if (verdict.kind === 'temporary' && config.warnAfter > 0 && now - recipient.submittedAt >= config.warnAfter * 1000) late.push({ recipient, verdict })
      outcomes.push([recipient, verdict.kind === 'temporary' ? { kind: 'temporary', why: verdict.why, again: next! } : { kind: verdict.kind, why: verdict.why }])
    }
    // Reports first: after a crash in between they are found by their Message-ID and not filed again.
    await report('failed', failed, group, seen)
    await report('delayed', late, group, seen)
    for (const [recipient, outcome] of outcomes) await done(recipient, outcome)
  }

  /** To the account that has sent it; never about mail from the null sender, and never to anybody elsewhere (no backscatter, H25). */
  async function report(kind: 'failed' | 'delayed', about: readonly { recipient: RelayRecipient; verdict: Verdict }[], group: Group, seen?: Look): Promise<void> {
    const account = about[0]?.recipient.account
    if (account === undefined || account === null || group.sender === '') return
    const which = createHash('sha256').update(about.map(({ recipient }) => recipient.id).sort((a, b) => a - b).join(' ')).digest('hex').slice(0, 16)
    const messageId = `${kind}.${about[0].recipient.submission}.${which}@${parts.hostname}`
    try {
      if ((await parts.tracking.track(messageId)).length > 0) return
      const { name: to } = await parts.accounts.byId(account)
      const header = seen?.header ?? (await look((async function* (content) { yield* content.range(0, content.size) })(await contents.open(group.message))).then((found) => found.header, () => ''))
      const octets = composeReport({
        kind, host: parts.hostname, to, messageId, at: clock.now(), submittedAt: about[0].recipient.submittedAt, header, left: config.giveUp - (clock.now() - about[0].recipient.submittedAt) / 1000,
        recipients: about.map(({ recipient, verdict }) => ({ address: recipient.address, verdict: kind === 'delayed' ? { ...verdict, status: `4${verdict.status.slice(1)}` } : verdict })),
      })
      await parts.messageStore.submit({ account: null, name: '', protocol: 'DSN' }, { recipients: [to] }, (async function* () { yield octets })())
    } catch (error) {
      log.warn({ err: error, submission: about[0].recipient.submission }, 'a delivery report could not be filed')
    }
  }
}

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
