// A client of MSRAP: retrieve, silence, un-pin, scan lists. Every method resolves only when its command took effect
// (im2000.md B11); otherwise PEER_REFUSED, whose details have the status.
import type { Static } from '../der/types.js'
import { msrap as protocol, type retrievalType } from '../pdu/msrap.js'
import { failure } from '../../errors/codes.js'
import { ClientSession, type Where } from '../session/client.js'

/** Octets asked for at once (B38). */
const windowOctets = 512 * 1024

export class MsrapClient {
  static async connect(where: Where): Promise<MsrapClient> {
    return new MsrapClient(await ClientSession.connect(protocol, where))
  }
  constructor(readonly session: ClientSession<typeof protocol>) {}

  async retrieve(identifier: Buffer, type: Static<typeof retrievalType>, offset: bigint, length: bigint): Promise<{ readonly data: Buffer; readonly size: bigint }> {
    return this.session.request('retrieve', { identifier, type, offset, length })
  }
  /** A whole representation, window by window. Its size must not change on the way (H5). */
  async *read(identifier: Buffer, type: Static<typeof retrievalType> = 'all'): AsyncGenerator<Buffer> {
    let first: bigint | undefined
    for (let offset = 0n; first === undefined || offset < first;) {
      const { data, size } = await this.retrieve(identifier, type, offset, BigInt(windowOctets))
      first ??= size
      if (size !== first || (data.length === 0 && offset < size)) throw failure('PEER_PROTOCOL_ERROR', { why: 'the message changed while it was read' })
      if (data.length > 0) yield data
      offset += BigInt(data.length)
    }
  }
  async silence(identifier: Buffer): Promise<void> {
    await this.session.request('silence', { identifier })
  }
  async unPin(identifier: Buffer): Promise<void> {
    await this.session.request('unPin', { identifier })
  }
  async scanList(listname: string, begintime: bigint): Promise<{ readonly messages: readonly Buffer[]; readonly endtime: bigint }> {
    return this.session.request('scanList', { listname, begintime })
  }
  close(): void {
    this.session.close()
  }
  [Symbol.dispose](): void {
    this.close()
  }
}
