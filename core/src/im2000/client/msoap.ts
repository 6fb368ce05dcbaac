// A client of MSOAP: submit, track, cancel. Every method resolves only when its command took effect (im2000.md B11);
// otherwise PEER_REFUSED, whose details have the status, and for a refused envelope the response with one status per entry.
import { msoap as protocol, type SubmitEnvelope } from '../pdu/msoap.js'
import { ClientSession, type Where } from '../session/client.js'

/** Octets of a chunk (B38). */
const chunkOctets = 512 * 1024

export class MsoapClient {
  static async connect(where: Where): Promise<MsoapClient> {
    return new MsoapClient(await ClientSession.connect(protocol, where))
  }
  constructor(readonly session: ClientSession<typeof protocol>) {}

  async authenticate(account: string, password: string): Promise<void> {
    await this.session.request('authenticate', { account, password })
  }
  /** Begins a submission: chunks must follow. */
  async submitEnvelope(envelope: SubmitEnvelope) {
    return this.session.request('submitEnvelope', envelope)
  }
  async submitMsgChunk(chunk: { islast: boolean; offset: bigint; data: Buffer }) {
    return this.session.request('submitMsgChunk', chunk)
  }
  /** The whole submission; nothing else may be asked in this session meanwhile. Answers one identifier per entry of the envelope, in its order. */
  async submit(envelope: SubmitEnvelope, octets: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<{ readonly recipients: readonly Buffer[]; readonly lists: readonly Buffer[] }> {
    await this.submitEnvelope(envelope)
    let offset = 0n
    // One chunk is held back: the last one must say that it is.
    let held: Buffer = Buffer.alloc(0)
    for await (const piece of octets) {
      for (held = held.length === 0 ? piece : Buffer.concat([held, piece]); held.length > chunkOctets; held = held.subarray(chunkOctets)) {
        await this.submitMsgChunk({ islast: false, offset, data: held.subarray(0, chunkOctets) })
        offset += BigInt(chunkOctets)
      }
    }
    const { recipients = [], lists = [] } = await this.submitMsgChunk({ islast: true, offset, data: held })
    return { recipients, lists }
  }
  async track(identifier: Buffer) {
    return (await this.session.request('track', { identifier })).status
  }
  async cancel(identifier: Buffer): Promise<void> {
    await this.session.request('cancel', { identifier })
  }
  close(): void {
    this.session.close()
  }
  [Symbol.dispose](): void {
    this.close()
  }
}
