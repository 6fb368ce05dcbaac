// MSOAP: how an originator submits, tracks and cancels. Declarations only; the responses are in msoap-responses.ts.
import { bool, ctx, octets, opt, seq, seqOf, uint, utf8, type Static } from '../der/types.js'
import { credentials, messageIdentifier, protocol } from './common.js'
import { msoapResponses } from './msoap-responses.js'

/** Without the bounds of `mailBox`: an entry that cannot be one is refused with a status of its own (im2000.md D10, D11). */
export const recipientMailBox = seq({ localpart: ctx(0, utf8()), domain: ctx(1, seqOf(utf8())) })
export const submitEnvelope = seq({
  recipients: opt(0, seqOf(recipientMailBox)),
  lists: opt(1, seqOf(octets())),
  lifetime: ctx(2, uint),
})
export type SubmitEnvelope = Static<typeof submitEnvelope>
export const submitMsgChunk = seq({ islast: ctx(0, bool), offset: ctx(1, uint), data: ctx(2, octets()) })
export type SubmitMsgChunk = Static<typeof submitMsgChunk>
const named = seq({ identifier: ctx(0, messageIdentifier) })

export const msoap = protocol({
  name: 'msoap',
  commands: {
    authenticate: ctx(0, credentials),
    submitEnvelope: ctx(1, submitEnvelope),
    submitMsgChunk: ctx(2, submitMsgChunk),
    track: ctx(3, named),
    cancel: ctx(4, named),
  },
  statuses: [
    'noerror', 'errormalformedpdu', 'errorcommandtimeout', 'errorunexpectedcommand', 'errorserviceshutdown', 'errorinternalproblem',
    'errornotauthenticated', 'errornotpermitted', 'errornotenoughroom', 'errorwouldexceedquota', 'errorlifetimetooshort',
  ],
  responses: msoapResponses,
})
