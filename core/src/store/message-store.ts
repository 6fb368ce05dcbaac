// The message store (im2000.md D) accepts envelopes and octets. In process; the wire protocols are tables of calls to this. What became of
// submissions is tracking.ts's business, what recipients may do retrieval.ts's.
import type { AccountId, MailboxId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import { openArriving } from '../blobs/arriving.js'
import type { BlobStore } from '../blobs/blob-store.js'
import type { Spool, Spooled } from '../blobs/contract.js'
import type { Batch, Database } from '../database/connect.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Draft, Envelope, MessageStore, Originator, Submission } from './contract.js'
import type { Lists } from './lists.js'
import type { LocalRecipients, Outbox } from './ports.js'
import { routesOf, type RoutingParts } from './routing.js'
import type { RoutedRecipient, Sealed } from './submission.js'
import { traceHeader } from './trace.js'

export interface StoreOptions {
  /** Name in the trace header. */
  readonly name: string
  /** Seconds (D12). */
  readonly minimumLifetime: number
  /** Seconds, for envelopes that name none; 0: no expiry. */
  readonly defaultLifetime: number
  /** Recipients and lists of one envelope (Q24). */
  readonly envelopeEntries: number
}
export interface StoreParts extends RoutingParts {
  readonly database: Database
  readonly blobs: BlobStore
  readonly spool: Spool
  readonly lists: Lists
  readonly local: LocalRecipients
  readonly submitBatch: Batch<Sealed, Submission>
  readonly outbox: Pick<Outbox, 'of'>
  readonly clock: Clock
  readonly random: Random
  readonly options: StoreOptions
}

/** Plans of one message, when mailboxes vanish under them. */
const mostPlans = 3

export function makeMessageStore(parts: StoreParts): MessageStore {
  const { database, blobs, spool, lists, local, submitBatch, clock, options } = parts

  const route = async (envelope: Envelope, originator: Originator): Promise<{ recipients: RoutedRecipient[]; lists: Buffer[] }> => {
    const entries = envelope.recipients.length + (envelope.lists?.length ?? 0)
    if (entries === 0) throw failure('ENVELOPE_EMPTY')
    if (entries > options.envelopeEntries) throw failure('ENVELOPE_TOO_LARGE', { limit: options.envelopeEntries })
    const listNames = (envelope.lists ?? []).map((name) => Buffer.from(name))
    const [routes, postable] = await Promise.all([routesOf(parts, envelope.recipients), lists.mayPost(listNames, originator.account)])
    // D10: one status per entry, and the whole envelope is refused if any is not acceptable.
    const acceptable = routes.map((route) => route !== undefined)
    if (acceptable.includes(false) || postable.includes(false)) {
      throw failure('ENVELOPE_REFUSED', { recipients: acceptable, lists: postable, refused: envelope.recipients.filter((_, i) => !acceptable[i]) })
    }
    return {
      recipients: envelope.recipients.map((address, i) => {
        const wishes = envelope.wishes?.get(address)
        return { ...routes[i]!, named: address, ...(wishes ? { wishes } : {}) }
      }),
      lists: listNames,
    }
  }

  const lifetimeOf = (envelope: Envelope): number => {
    const lifetime = envelope.lifetime ?? options.defaultLifetime
    if (lifetime !== 0 && lifetime < options.minimumLifetime) throw failure('LIFETIME_TOO_SHORT', { minimum: options.minimumLifetime })
    return lifetime
  }

  const open: MessageStore['open'] = async (originator, envelope, opening = {}) => {
    const lifetime = lifetimeOf(envelope)
    const routed = await route(envelope, originator)
    // Hex: it stands on command lines, and must never look like an option. As long as an identifier: MSOAP's Cancel takes both.
    const token = parts.random.octets(16).toString('hex')
    const at = clock.now()
    const trace = Buffer.from(traceHeader(options.name, originator.protocol, token, at) + (opening.trace ?? ''), 'utf8')
    const writer = spool.open({
      ...(opening.expectedSize === undefined ? {} : { expectedSize: opening.expectedSize + trace.length }),
      ...(opening.limit === undefined ? {} : { limit: opening.limit + trace.length }),
    })
    await writer.write(trace)
    const known = {
      token, originator, at, heldUntil: envelope.hold ? at + envelope.hold * 1000 : undefined, expiresAt: lifetime === 0 ? undefined : at + lifetime * 1000, ...(envelope.reports ? { reports: envelope.reports } : {}),
      ...(envelope.requireTls ? { requireTls: true } : {}), ...(envelope.sentCopy ? { sentCopy: envelope.sentCopy } : {}), ...routed,
    }
    const seal = async (refused?: Map<string, unknown>): Promise<Submission> => {
      const spooled = await writer.seal().catch(async (error: unknown) => {
        await writer.discard()
        throw error
      })
      try {
        return await commit(spooled, known, refused)
      } catch (error) {
        await spooled.discard()
        throw error
      }
    }
    return {
      writer,
      discard: () => writer.discard(),
      seal: () => seal(),
      async sealEach() {
        const refused = new Map<string, unknown>()
        try {
          return { submission: await seal(refused), refused }
        } catch (error) {
          if (isFailure(error, 'ENVELOPE_EMPTY') && refused.size > 0) return { refused }
          throw error
        }
      },
    } satisfies Draft
  }

  /** @param refused where recipients are answered one by one: takes those who are left out. Throws ENVELOPE_EMPTY when nobody is left. */
  const commit = async (spooled: Spooled, known: Omit<Sealed, 'summary' | 'prepared' | 'plan' | 'outbox'>, refused?: Map<string, unknown>): Promise<Submission> => {
    let { recipients } = known
    const arriving = openArriving(spooled, blobs)
    const without = (some: readonly RoutedRecipient[], errors: readonly unknown[]): boolean => {
      some.forEach(({ named }, i) => { if (errors[i] !== undefined) refused!.set(named, errors[i]) })
      recipients = recipients.filter(({ named }) => !refused!.has(named))
      if (recipients.length + known.lists.length === 0) throw failure('ENVELOPE_EMPTY')
      return errors.some((error) => error !== undefined)
    }
    const localsOf = (): (RoutedRecipient & { account: AccountId })[] => recipients.filter((recipient): recipient is RoutedRecipient & { account: AccountId } => recipient.account !== undefined)
    const ask = async (): Promise<unknown> => {
      for (;;) {
        const locals = localsOf()
        // What its sender may still take back is not planned before it is let go.
        if (locals.length === 0 || known.heldUntil !== undefined) return undefined
        const plan = await local.plan({
          token: known.token, originator: known.originator, ...(known.requireTls ? { requireTls: true } : {}), summary: spooled.summary, at: known.at, recipients: locals, octets: arriving.read,
          alone: locals.length === recipients.length && known.lists.length === 0, ...(refused ? { each: true } : {}),
        })
        if (!refused || !without(locals, local.refusals(plan))) return plan
      }
    }
    const begin = async (): Promise<unknown> => {
      // Announced sizes are what the peer says; now it is known.
      if (refused) without(localsOf(), await Promise.all(localsOf().map(({ account }) => overQuota(account, spooled.summary.size))))
      return ask()
    }
    let plan = await begin().catch(async (error: unknown) => {
      await arriving.close()
      throw error
    })
    const { account } = known.originator
    const showing = async (): Promise<MailboxId | undefined> => (account === null || recipients.length === 0 ? undefined : parts.outbox.of(account))
    let outbox = await showing()
    const prepared = await blobs.prepare(spooled).finally(() => arriving.close())
    arriving.kept(prepared)
    try {
      for (let tries = 1; ; tries++) {
        try {
          return await database.writeBatched(submitBatch, { ...known, recipients, summary: spooled.summary, prepared, plan, outbox })
        } catch (error) {
          // A mailbox or an account went between plan and commit: that is no reason to refuse the others' mail.
          if (!isFailure(error, 'MAILBOX_GONE') || tries === mostPlans) throw error
          plan = await ask()
          outbox = await showing()
        }
      }
    } catch (error) {
      await blobs.discard(prepared, error)
      throw error
    }
  }

  /** Why an account cannot have so many octets more; undefined: it can. */
  const overQuota = async (account: AccountId, octets: number): Promise<unknown> => {
    try {
      await parts.accounts.checkQuota(await parts.accounts.byId(account), octets)
      return undefined
    } catch (error) {
      if (isFailure(error, 'OVER_QUOTA') || isFailure(error, 'ACCOUNT_NOT_FOUND')) return error
      throw error
    }
  }

  return {
    open,
    async submit(originator, envelope, octets) {
      const draft = await open(originator, envelope)
      try {
        for await (const chunk of isSpooled(octets) ? chunksOf(octets) : octets) await draft.writer.write(chunk)
        return await draft.seal()
      } finally {
        await draft.discard()
        if (isSpooled(octets)) await octets.discard()
      }
    },
  }
}

const isSpooled = (octets: AsyncIterable<Buffer> | Spooled): octets is Spooled => 'summary' in octets
async function* chunksOf(spooled: Spooled): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(spooled.octets)) {
    yield spooled.octets
    return
  }
  const { createReadStream } = await import('node:fs')
  yield* createReadStream(spooled.octets.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>
}
