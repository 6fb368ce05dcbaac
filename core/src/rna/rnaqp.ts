// RNAQP, served: authenticate, retrieve and clear (im2000.md E.25-E.29). A table of calls to the agent, and this protocol's words.
import type { AccountId } from '../base/branded.js'
import type { Authenticator } from '../accounts/contract.js'
import { rnaqp } from '../im2000/pdu/rnaqp.js'
import { authenticate } from '../im2000/session/authenticate.js'
import { handed, ok, pair, type Service } from '../im2000/session/transaction.js'
import { addressToWire, domainToWire, notificationToWire } from '../im2000/values.js'
import type { HeldNotification, NotificationAgent } from './notification-agent.js'

export interface RnaqpParts {
  readonly agent: Pick<NotificationAgent, 'retrieveAndClear'>
  readonly authenticator: Authenticator
  readonly clearText: boolean
  readonly failures: number
  /** Octets of an answer (B38, E.27). */
  readonly answerOctets: number
}
type Rnaqp = typeof rnaqp

/** No notification with its local data takes more: two locations of 16 literals or a domain each, sender, mailbox, submitter (E.30). */
const largestNotification = 2048

export function makeRnaqp({ agent, authenticator, clearText, failures, answerOctets }: RnaqpParts): Service<Rnaqp> {
  const most = Math.max(1, Math.floor(answerOctets / largestNotification))
  const inTurn = turns<AccountId>()
  return {
    protocol: rnaqp,
    statusOf: { SHUTTING_DOWN: 'errorserviceshutdown' },
    table: {
      authenticate: { run: pair(authenticate({ authenticator, service: 'rnaqp', clearText, failures, inClear: 'errornotauthenticated' })) },
      retrieveAndClear: {
        needs: 'authentication',
        run: pair(async (session, _) => {
          const { id } = session.account!
          // As if atomic (B23): of two sessions of one account the second sees what the first left.
          await inTurn(id, () => agent.retrieveAndClear(id, most, (held) => session.hand(ok({ kind: 'retrieveAndClear', value: { notifications: held.map(toWire) } }))))
          return handed
        }),
      },
    },
  }
}

const toWire = ({ notification, submitter, receivedAt }: HeldNotification) => ({
  notification: notificationToWire(notification),
  submitter: { address: addressToWire(submitter.address), port: submitter.port, ...(submitter.domain === undefined ? {} : { domain: domainToWire(submitter.domain) }) },
  date: BigInt(Math.floor(receivedAt / 1000)),
})

/** One at a time per key, in the order asked. */
function turns<K>() {
  const last = new Map<K, Promise<unknown>>()
  return async <T>(key: K, run: () => Promise<T>): Promise<T> => {
    const mine = (last.get(key) ?? Promise.resolve()).then(run, run)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
