// RNASP: how a store notifies a recipient's agent. Declarations only.
import { ctx, seq, seqOf } from '../der/types.js'
import { empty, notification, protocol } from './common.js'

export const rnasp = protocol({
  name: 'rnasp',
  commands: { notify: ctx(0, seq({ notifications: ctx(0, seqOf(notification)) })) },
  statuses: [
    'noerror', 'errormalformedpdu', 'errorcommandtimeout', 'errornotauthenticated', 'errorunexpectedcommand', 'errorserviceshutdown', 'errorinternalproblem',
    // Not in the module: our extension for agents that are set to say so (im2000.md E.10).
    'errornouser',
  ],
  responses: { null: ctx(0, empty), notify: ctx(1, empty) },
})
