// RnaClient in this process: our own agent, without a socket.
import { failure, isFailure } from '../errors/codes.js'
import type { RnaClient } from '../im2000/seams.js'
import type { NotificationAgent } from './notification-agent.js'

export const makeLocalRnaClient = (agent: Pick<NotificationAgent, 'notify'>): RnaClient => ({
  async notify(notifications) {
    try {
      await agent.notify(notifications, { address: '127.0.0.1', port: 0, tls: true })
    } catch (error) {
      // RNASP has one status for both, and so has whoever asks here (Q14).
      throw isFailure(error, 'NOTIFICATIONS_FULL') ? failure('NOTIFICATION_REFUSED', {}, error) : error
    }
  },
  close: () => undefined,
})
