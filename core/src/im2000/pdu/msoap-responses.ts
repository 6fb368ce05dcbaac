// The responses of MSOAP, reconstructed: this half of the module is lost (im2000.md A.3). If a peer built from the real
// module differs on the wire, it is here, and here only.
import { bool, ctx, enumerated, opt, seq, seqOf } from '../der/types.js'
import { empty, messageIdentifier } from './common.js'

export const notificationStatus = enumerated(['unprocessed', 'baddomain', 'noservice', 'noserver', 'protocolerror', 'nouser', 'notifying', 'silenced'])
export const readStatus = enumerated(['unread', 'summarised', 'readheaders', 'readall'])
export const deliveryStatus = seq({ notificationstatus: ctx(0, notificationStatus), read: ctx(1, readStatus), pinned: ctx(2, bool) })
export const submissionStatus = enumerated(['acceptable', 'submissionaccessdenied'])

/** One status per entry of the envelope, in its order. */
export const submitEnvelopeResponse = seq({ recipients: opt(0, seqOf(submissionStatus)), lists: opt(1, seqOf(submissionStatus)) })
/** With the last chunk: one identifier per entry of the envelope, in its order. Before: neither list. */
export const submitMsgChunkResponse = seq({ recipients: opt(0, seqOf(messageIdentifier)), lists: opt(1, seqOf(messageIdentifier)) })

/** Response n+1 answers command n; 0 is Null. */
export const msoapResponses = {
  null: ctx(0, empty),
  authenticate: ctx(1, empty),
  submitEnvelope: ctx(2, submitEnvelopeResponse),
  submitMsgChunk: ctx(3, submitMsgChunkResponse),
  track: ctx(4, seq({ status: ctx(0, deliveryStatus) })),
  cancel: ctx(5, empty),
}
