// A client of RNAQP: collect notifications. Every method resolves only when its command took effect (im2000.md B11);
// otherwise PEER_REFUSED, whose details have the status.
import { rnaqp as protocol } from '../pdu/rnaqp.js'
import { ClientSession, type Where } from '../session/client.js'
import { addressToText, domainToText, notificationToText, type Notification } from '../values.js'

/** A notification with the two data that the agent adds (E.6). */
export interface Collected {
  readonly notification: Notification
  readonly submitter: { readonly address: string; readonly port: number; readonly domain?: string }
  /** Seconds since 1970. */
  readonly date: bigint
}

export class RnaqpClient {
  static async connect(where: Where): Promise<RnaqpClient> {
    return new RnaqpClient(await ClientSession.connect(protocol, where))
  }
  constructor(readonly session: ClientSession<typeof protocol>) {}

  async authenticate(account: string, password: string): Promise<void> {
    await this.session.request('authenticate', { account, password })
  }
  /** The oldest that the agent held; it holds them no more. Ask until there are none (E.27). */
  async retrieveAndClear(): Promise<readonly Collected[]> {
    const { notifications } = await this.session.request('retrieveAndClear', {})
    return notifications.map(({ notification, submitter, date }) => {
      const domain = submitter.domain && domainToText(submitter.domain)
      return { notification: notificationToText(notification), submitter: { address: addressToText(submitter.address), port: submitter.port, ...(domain === undefined ? {} : { domain }) }, date }
    })
  }
  close(): void {
    this.session.close()
  }
  [Symbol.dispose](): void {
    this.close()
  }
}
