// A client of RNASP: notify. Resolves only when all notifications were accepted (im2000.md B11, E.17); otherwise
// PEER_REFUSED, whose details have the status.
import { rnasp as protocol } from '../pdu/rnasp.js'
import { ClientSession, type Where } from '../session/client.js'
import { notificationToWire, type Notification } from '../values.js'

export class RnaspClient {
  static async connect(where: Where): Promise<RnaspClient> {
    return new RnaspClient(await ClientSession.connect(protocol, where))
  }
  constructor(readonly session: ClientSession<typeof protocol>) {}

  async notify(notifications: readonly Notification[]): Promise<void> {
    await this.session.request('notify', { notifications: notifications.map(notificationToWire) })
  }
  close(): void {
    this.session.close()
  }
  [Symbol.dispose](): void {
    this.close()
  }
}
