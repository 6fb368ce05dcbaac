// RNASP, served: Notify (im2000.md E). A table of one call to the agent, and this protocol's words. Nobody authenticates.
import { rnasp } from '../im2000/pdu/rnasp.js'
import { ok, pair, type Service } from '../im2000/session/transaction.js'
import { notificationToText } from '../im2000/values.js'
import type { NotificationAgent } from './notification-agent.js'

type Rnasp = typeof rnasp

const statusOf: Service<Rnasp>['statusOf'] = {
  NOTIFICATION_REFUSED: 'errorinternalproblem', // Q14
  NOTIFICATIONS_FULL: 'errorinternalproblem',
  ACCOUNT_NOT_FOUND: 'errornouser', // only where the owner has set it (E.10)
  SHUTTING_DOWN: 'errorserviceshutdown',
}

export const makeRnasp = ({ agent }: { agent: Pick<NotificationAgent, 'notify'> }): Service<Rnasp> => ({
  protocol: rnasp,
  statusOf,
  table: {
    notify: {
      run: pair(async ({ connection }, { notifications }) => {
        // The domain of the submitter is a verified reverse name or absent, never a claim (E.29). We look none up.
        await agent.notify(notifications.map(notificationToText), { address: connection.remoteAddress, port: connection.remotePort, tls: connection.secure })
        return ok({ kind: 'notify', value: {} })
      }),
    },
  },
})
