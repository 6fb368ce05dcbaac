// MSOAP, served: submit, track, cancel (im2000.md D.1, D.4, D.5). A table of calls to the store, and this protocol's words.
import { isUtf8 } from 'node:buffer'
import type { Accounts, Authenticator } from '../accounts/contract.js'
import { isFailure } from '../errors/codes.js'
import { msoap, type SubmitEnvelope } from '../im2000/pdu/msoap.js'
import { authenticate } from '../im2000/session/authenticate.js'
import { abort, ok, outOfPlace, pair, type Reply, type Service, type SessionView, type Transaction } from '../im2000/session/transaction.js'
import { mailBoxToText } from '../im2000/values.js'
import type { Draft, Envelope, MessageStore } from './contract.js'
import type { TrackingStore } from './tracking.js'

export interface MsoapParts {
  readonly store: MessageStore
  readonly tracking: TrackingStore
  readonly accounts: Accounts
  readonly authenticator: Authenticator
  /** Octets of one chunk (B38). */
  readonly chunkOctets: number
  readonly clearText: boolean
  readonly failures: number
}
type Msoap = typeof msoap

const statusOf: Service<Msoap>['statusOf'] = {
  NOT_PERMITTED: 'errornotpermitted',
  ENVELOPE_EMPTY: 'errornotpermitted', // D9
  ENVELOPE_TOO_LARGE: 'errornotpermitted',
  LIFETIME_TOO_SHORT: 'errorlifetimetooshort', // D12
  OVER_QUOTA: 'errorwouldexceedquota', // D13
  NO_ROOM: 'errornotenoughroom',
  MESSAGE_REJECTED: 'errornotpermitted',
  MESSAGE_TOO_LARGE: 'errornotpermitted', // neither disk nor quota: the owner's limit, and it will not pass
  SHUTTING_DOWN: 'errorserviceshutdown',
}

/** 2^42 seconds, 139,000 years: what lives longer does not expire in milliseconds that a number holds. */
const longestLifetime = 2n ** 42n

export function makeMsoap({ store, tracking, accounts, authenticator, chunkOctets, clearText, failures }: MsoapParts): Service<Msoap> {
  async function* submit(session: SessionView<Msoap>, envelope: SubmitEnvelope): Transaction<Msoap> {
    const account = session.account!
    await accounts.checkQuota(account, 0)
    const opened = await open(session, envelope)
    if ('refused' in opened) return opened.refused
    const { draft } = opened
    try {
      let command = yield ok({ kind: 'submitEnvelope', value: statuses(envelope, () => true) })
      let received = 0
      while (command.kind === 'submitMsgChunk') {
        const { islast, offset, data } = command.value
        if (data.length > chunkOctets) return { ...abort('errormalformedpdu'), outOfPlace: true }
        if (offset !== BigInt(received)) return abort('errorunexpectedcommand') // D14
        received += data.length
        await accounts.checkQuota(account, received)
        await draft.writer.write(data)
        if (islast) {
          const sealed = await draft.seal()
          session.connection.log.info({ from: account.name, recipients: sealed.recipients.length, lists: sealed.lists.length, octets: received, id: sealed.token }, 'message accepted')
          return ok({ kind: 'submitMsgChunk', value: identifiers(sealed) })
        }
        command = yield ok({ kind: 'submitMsgChunk', value: {} })
      }
      return outOfPlace() // D16
    } finally {
      await draft.discard()
    }
  }

  const open = async ({ account }: SessionView<Msoap>, wire: SubmitEnvelope): Promise<{ draft: Draft } | { refused: Reply<Msoap> }> => {
    const envelope: Envelope = {
      recipients: (wire.recipients ?? []).map(mailBoxToText),
      lists: (wire.lists ?? []).map((name) => (isUtf8(name) ? name.toString() : '')),
      lifetime: Number(wire.lifetime > longestLifetime ? longestLifetime : wire.lifetime),
    }
    try {
      return { draft: await store.open({ account: account!.id, name: account!.name, protocol: 'MSOAP' }, envelope) }
    } catch (error) {
      if (!isFailure(error, 'ENVELOPE_REFUSED')) throw error
      // D10: one status per entry; the client may submit again without those.
      const acceptable = error.details as { recipients: boolean[]; lists: boolean[] }
      return { refused: { abort: true, status: 'errornotpermitted', data: { kind: 'submitEnvelope', value: statuses(wire, (which, i) => acceptable[which][i]) } } }
    }
  }

  return {
    protocol: msoap,
    statusOf,
    table: {
      authenticate: { run: pair(authenticate({ authenticator, service: 'msoap', clearText, failures, inClear: 'errornotpermitted' })) },
      submitEnvelope: { needs: 'authentication', run: submit },
      submitMsgChunk: { needs: 'authentication' },
      track: {
        needs: 'authentication',
        run: pair(async ({ account }, { identifier }) => {
          const { notification, read, pinned } = await tracking.trackIdentifier(identifier, account!.id)
          return ok({ kind: 'track', value: { status: { notificationstatus: notification, read, pinned } } })
        }),
      },
      cancel: {
        needs: 'authentication',
        run: pair(async ({ account }, { identifier }) => {
          await tracking.cancelIdentifier(identifier, account!.id)
          return ok({ kind: 'cancel', value: {} })
        }),
      },
    },
  }
}

/** One status per entry, in envelope order; what the envelope leaves out the response leaves out (Q23). */
function statuses(envelope: SubmitEnvelope, isAcceptable: (which: 'recipients' | 'lists', i: number) => boolean) {
  const of = (which: 'recipients' | 'lists') => {
    const count = envelope[which]?.length ?? 0
    return count === 0 ? {} : { [which]: Array.from({ length: count }, (_, i) => (isAcceptable(which, i) ? 'acceptable' as const : 'submissionaccessdenied' as const)) }
  }
  return { ...of('recipients'), ...of('lists') }
}

const identifiers = ({ recipients, lists }: { recipients: readonly { identifier: Buffer }[]; lists: readonly { identifier: Buffer }[] }) => ({
  ...(recipients.length > 0 ? { recipients: recipients.map((one) => one.identifier) } : {}),
  ...(lists.length > 0 ? { lists: lists.map((one) => one.identifier) } : {}),
})

