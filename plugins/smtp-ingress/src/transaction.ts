// One SMTP transaction: sender, recipients, octets, commit. One transaction is one submission. Knows no sockets; the store
// does the rest. The reply to the data comes only after the commit.
import { isFailure, type Draft, type Envelope, type HookRuntime, type RecipientWishes, type ReportWishes, type Log, type MessageStore, type Spool } from '@restante/core'
import { ClaimsFilter, Waiting } from './incoming.js'
import { DataReader, type BytesPolicy } from './bytes.js'
import type { Guard } from './guards/guard.js'
import type { Peer, Policy } from './policy.js'
import { reply, replyTo, said, type Reply } from './replies.js'
import type { AccountRates } from './submission/rates.js'
import { HeaderMender, type Mended } from './submission-header.js'
import { junkFields, mailDate, received, returnPath } from './trace.js'

export interface TransactionParts {
  readonly store: MessageStore
  readonly spool: Spool
  readonly hooks: HookRuntime
  readonly policy: Policy
  /** What strangers meet; undefined where there are none. */
  readonly guard: Guard | undefined
  readonly bytes: BytesPolicy
  /** What our own people may send. */
  readonly submission: { readonly rates: AccountRates; readonly rewrite: (address: string) => string; /** What the gateway does for each: a window to take it back in, a copy in Sent. */ readonly wishes: Pick<Envelope, 'hold' | 'sentCopy'> }
  readonly host: string
  readonly receivedFrom: boolean
  /** Octets of the largest message. */
  readonly limit: number
  readonly now: () => number
  /** For Message-ID. */
  readonly unique: () => string
  /** For metrics. */
  readonly count: (result: 'accepted' | 'refused') => void
}

/** What was found out about a message: lines for its header, and why it is unwanted, if it is. */
interface Found { trace: string; junk?: string }
/** Mends a header (of a submission) or cleans it (from outside). */
interface HeaderStage { push(chunk: Buffer): Mended | Buffer | 'too-large' | undefined; end(): Mended | Buffer }

export class Transaction {
  /** Accepted RCPTs, in order, as they stand in the envelope; one that is named twice stands twice, for LMTP answers each. */
  readonly accepted: string[] = []
  /** What is to be reported of whom (RFC 3461). */
  readonly #wishes = new Map<string, RecipientWishes>()
  readonly #envelope = new Set<string>()
  readonly #lists = new Set<string>()
  /** Of DATA, or of the chunks of BDAT; undefined: octets as they are (BINARYMIME). */
  reader: DataReader | undefined
  #begun = false
  #draft: Draft | undefined
  /** Waits for the header to be complete; undefined when that is done, or nobody needs to look at it. */
  #header: HeaderStage | undefined
  #refusal: Reply | undefined
  /** Recipients who are answered otherwise than the rest, and why (LMTP). */
  #refused: ReadonlyMap<string, unknown> = new Map()
  #size = 0
  /** Mail from outside that plugins want to see whole: it waits here until they have. */
  #held: Waiting | undefined
  #open: (() => Promise<Draft>) | undefined
  readonly #found: Found = { trace: '' }

  constructor(private readonly parts: TransactionParts, readonly peer: Peer, readonly sender: string, private readonly announced: number, private readonly log: Log, private readonly wanted: { readonly reports?: ReportWishes; readonly requireTls?: boolean } = {}) {}

  get recipients(): number {
    return this.#envelope.size + this.#lists.size
  }

  async recipient(address: string, wishes?: RecipientWishes): Promise<Reply | undefined> {
    const { policy, guard } = this.parts
    const answer = await policy.recipient(this.peer, this.sender, address, this.announced)
    if (answer === said.unknownUser) return await guard?.misses(this.peer.remoteAddress) ?? answer
    if (typeof answer !== 'string' && !('list' in answer)) return answer
    const held = await guard?.names(this.peer, this.sender, address)
    if (held && 'code' in held) return held
    this.#found.junk ??= held?.junk
    this.accepted.push(typeof answer === 'string' ? answer : address)
    if (typeof answer === 'string') {
      this.#envelope.add(answer)
      if (wishes) this.#wishes.set(answer, wishes)
    } else this.#lists.add(answer.list)
    return undefined
  }

  /** Opens the submission. What the store does not take is refused here, before the peer sends its octets. */
  async begin(protocol: string, session: string, content: 'dotted' | 'chunks' | 'binary' = 'dotted'): Promise<Reply | undefined> {
    this.#begun = true
    this.reader = content === 'binary' ? undefined : new DataReader(this.parts.bytes, content === 'dotted')
    const { store, host, receivedFrom, limit, now, unique, submission } = this.parts
    const { listener, account, remoteAddress, helo } = this.peer
    if (account) {
      const refusal = await submission.rates.take(account.id, this.recipients)
      if (refusal) return refusal
    }
    const hop = { sender: this.sender, helo, remoteAddress, host, protocol, session, now: now() }
    // Return-Path first (RFC 5321 4.4), then what was found out about the message, then where it came from.
    const trace = ({ trace: more, junk }: Found): string => (listener === 'submission' ? '' : returnPath(this.sender) + more + (junk === undefined ? '' : junkFields(junk)) + (receivedFrom ? received(hop) : ''))
    const open = (): Promise<Draft> => store.open({ account: account?.id ?? null, name: this.sender, protocol, ...(this.#found.junk === undefined ? {} : { suspicion: this.#found.junk }) }, { recipients: [...this.#envelope], ...(this.#lists.size > 0 ? { lists: [...this.#lists] } : {}), ...this.wanted, ...(listener === 'submission' ? submission.wishes : {}), ...(this.#wishes.size > 0 ? { wishes: this.#wishes } : {}) }, { expectedSize: this.announced, trace: trace(this.#found), limit })
    try {
      // Also when the message is held first: what the store will not take is refused before it comes.
      this.#draft = await open()
      if (listener === 'mx' && this.parts.hooks.given('smtp.message')) {
        this.#held = new Waiting(this.parts.spool, limit)
        this.#open = open
      }
    } catch (error) {
      return this.#note(error)
    }
    if (listener === 'submission') {
      const domain = (this.sender || account?.name || '').split('@').at(-1) || host
      this.#header = new HeaderMender({ date: () => mailDate(now()), messageId: () => `<${unique()}@${domain}>` }, submission.rewrite)
    }
    // Held mail goes through the same filter on its way to the store.
    if (listener === 'mx' && !this.#held) this.#header = new ClaimsFilter(host)
    return undefined
  }

  /** Content. Never rejects: what goes wrong is the reply to the end of data; the rest is swallowed. */
  write(content: Buffer): Promise<void> | void {
    this.#size += content.length
    if (this.#refusal) return
    if (this.reader?.violation) return this.#refuse(this.#violation())
    if (this.#size > this.parts.limit) return this.#refuse(said.tooLarge(this.parts.limit))
    if (this.#header) return this.#writeHeader(content, this.#header)
    return this.#put(content)
  }

  /** Octets are coming, or have come: it is too late for more recipients. */
  get begun(): boolean {
    return this.#begun
  }
  /** What the end will be answered with, if that is known. */
  get refusal(): Reply | undefined {
    return this.#refusal
  }
  get octets(): number {
    return this.#size
  }
  /** Octets far beyond what is allowed: no use in listening on. */
  get hopeless(): boolean {
    return this.#size > 2 * this.parts.limit + 1024 * 1024
  }

  /** What the peer is answered: one reply, or on LMTP one for each accepted RCPT (RFC 2033 4.2). */
  async end(): Promise<readonly Reply[]> {
    const answer = await this.#end()
    const answers = this.peer.listener !== 'lmtp' ? [answer] : this.accepted.map((address) => (this.#refused.has(address) ? this.#note(this.#refused.get(address)) : answer))
    this.parts.count(answers.some(({ code }) => code === 250) ? 'accepted' : 'refused')
    return answers
  }

  async #end(): Promise<Reply> {
    const last = this.reader?.finish()
    if (this.reader?.violation) this.#refuse(this.#violation())
    if (last) await this.write(last)
    if (this.#header && !this.#refusal) await this.#passHeader(this.#header.end())
    const draft = this.#draft
    this.#draft = undefined // a peer that leaves now must not take back what is being committed
    const held = this.#held
    this.#held = undefined
    if (this.#refusal || !draft) {
      await draft?.discard()
      await held?.discard()
      return this.#refusal ?? replyTo(undefined)
    }
    try {
      const looked = held ? await this.#look(held, draft) : draft
      if ('code' in looked) return looked
      const sealed = this.peer.listener === 'lmtp' ? await looked.sealEach() : { submission: await looked.seal(), refused: this.#refused }
      this.#refused = sealed.refused
      if (!sealed.submission) return said.unknownUser // nobody hears it: each has a reason of his own
      const { token } = sealed.submission
      this.log.info({ from: this.sender, recipients: this.recipients - this.#refused.size, octets: this.#size, id: token, ...(this.#found.junk === undefined ? {} : { junk: this.#found.junk }) }, 'message accepted')
      const { hold } = this.peer.listener === 'submission' ? this.parts.submission.wishes : {}
      return reply(250, `2.0.0 Accepted, id ${token}${hold === undefined ? '' : `; held for ${hold} seconds`}`)
    } catch (error) {
      await draft.discard()
      return this.#note(error)
    }
  }

  /** Asks plugins about the whole message; then it goes on to the store, with what they found in its trace. */
  async #look(held: Waiting, early: Draft): Promise<Draft | Reply> {
    let draft: Draft | undefined
    try {
      await early.discard()
      await held.seal()
      const { remoteAddress, helo } = this.peer
      const question = { remoteAddress, helo, sender: this.sender, recipients: [...this.#envelope], size: held.size, octets: () => held.octets() }
      for (const verdict of await this.parts.hooks.askAll('smtp.message', question, (one) => !('trace' in one))) {
        if ('reject' in verdict) return said.refusedByPolicy(verdict.reject)
        if ('tempfail' in verdict) return said.laterByPolicy(verdict.tempfail)
        this.#found.trace += verdict.trace
        this.#found.junk ??= verdict.junk
      }
      draft = await this.#open!()
      let claims: ClaimsFilter | undefined = new ClaimsFilter(this.parts.host)
      for await (const chunk of held.octets()) {
        const cleaned = claims ? claims.push(chunk) : chunk
        if (cleaned === undefined) continue
        if (cleaned === 'too-large') {
          await draft.discard()
          return said.headerTooLarge
        }
        claims = undefined
        await draft.writer.write(cleaned)
      }
      if (claims) await draft.writer.write(claims.end())
      return draft
    } catch (error) {
      await draft?.discard()
      throw error
    } finally {
      await held.discard()
    }
  }

  /** The peer is gone, or starts anew. Drops without trace what was not answered (im2000.md D22). */
  abort(): void {
    const draft = this.#draft
    this.#draft = undefined
    this.#refusal ??= replyTo(undefined)
    const held = this.#held
    this.#held = undefined
    for (const one of [draft, held]) one?.discard().catch((error: unknown) => this.log.warn({ err: error }, 'a draft could not be discarded'))
  }

  #writeHeader(content: Buffer, stage: HeaderStage): Promise<void> | void {
    const complete = stage.push(content)
    if (complete === undefined) return
    if (complete === 'too-large') return this.#refuse(said.headerTooLarge)
    return this.#passHeader(complete)
  }
  #passHeader(complete: Mended | Buffer): Promise<void> | void {
    this.#header = undefined
    return Buffer.isBuffer(complete) ? this.#put(complete) : this.#checked(complete)
  }
  async #checked({ octets, from, sender }: Mended): Promise<void> {
    let top = ''
    try {
      const answer = await this.parts.policy.from(this.peer, from)
      if (answer && 'code' in answer) return this.#refuse(answer)
      // On behalf of somebody: the message says so itself, or is made to.
      if (answer && sender.length === 0) top = `Sender: <${answer.sender}>\r\n`
      const liar = answer ? sender.find((address) => address.toLowerCase() !== answer.sender) : undefined
      if (liar !== undefined) return this.#refuse(said.senderNotOwned(liar))
    } catch (error) {
      return this.#refuse(this.#note(error))
    }
    await this.#put(top === '' ? octets : Buffer.concat([Buffer.from(top), octets]))
  }

  #violation(): Reply {
    return this.reader?.violation === 'nul' ? said.nul : said.bareLineEnd
  }

  #put(octets: Buffer): Promise<void> | void {
    if (!this.#draft) return
    try {
      const wait = (this.#held ?? this.#draft.writer).write(octets)
      return wait?.catch((error: unknown) => this.#refuse(this.#note(error)))
    } catch (error) {
      return this.#refuse(this.#note(error))
    }
  }

  /** The first trouble is the reply; nothing is kept any more. */
  #refuse(refusal: Reply): void {
    this.#refusal ??= refusal
    this.abort()
  }

  #note(error: unknown): Reply {
    if (!isFailure(error) || error.kind === 'bug') this.log.error({ err: error, from: this.sender }, 'a message could not be taken')
    else this.log.info({ from: this.sender, why: error.message }, 'message refused')
    return replyTo(error)
  }
}
