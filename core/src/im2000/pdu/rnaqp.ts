// RNAQP: how a recipient collects notifications from its agent. Declarations only.
import { ctx, opt, seq, seqOf, uint } from '../der/types.js'
import { credentials, domainName, empty, ipAddress, notification, portNumber, protocol } from './common.js'

export const clientLocation = seq({ address: ctx(0, ipAddress), port: ctx(1, portNumber), domain: opt(2, domainName) })
export const notificationAndLocalData = seq({
  notification: ctx(0, notification),
  submitter: ctx(1, clientLocation),
  /** Seconds since 1970 (im2000.md Q10, Q22). */
  date: ctx(2, uint),
})

export const rnaqp = protocol({
  name: 'rnaqp',
  commands: { authenticate: ctx(0, credentials), retrieveAndClear: ctx(1, empty) },
  statuses: [
    'noerror', 'errormalformedpdu', 'errorcommandtimeout', 'errornotauthenticated', 'errorunexpectedcommand', 'errorserviceshutdown', 'errorinternalproblem',
    // The module names it twice, 3 and 7 (Q12): 3 is written, 7 is read as 3.
    'errornotauthenticated',
  ],
  responses: {
    null: ctx(0, empty),
    authenticate: ctx(1, empty),
    retrieveAndClear: ctx(2, seq({ notifications: ctx(0, seqOf(notificationAndLocalData)) })),
  },
})
