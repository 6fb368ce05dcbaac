// MSRAP: how a recipient retrieves, silences and un-pins, and how lists are scanned. Declarations only.
import { ctx, enumerated, octets, seq, seqOf, uint, utf8 } from '../der/types.js'
import { empty, messageIdentifier, protocol } from './common.js'

export const retrievalType = enumerated(['nothing', 'summaryonly', 'headersonly', 'all'])
const named = seq({ identifier: ctx(0, messageIdentifier) })

export const msrap = protocol({
  name: 'msrap',
  commands: {
    // A list's name is the same octets here and in MSOAP, and must be UTF-8 (im2000.md Q11).
    scanList: ctx(0, seq({ listname: ctx(0, utf8({ min: 1, max: 255 })), begintime: ctx(1, uint) })),
    silence: ctx(1, named),
    unPin: ctx(2, named),
    // [3] is QuerySize, named in the module and never defined: reserved (Q6).
    retrieve: ctx(4, seq({ identifier: ctx(0, messageIdentifier), type: ctx(1, retrievalType), offset: ctx(2, uint), length: ctx(3, uint) })),
  },
  statuses: [
    'noerror', 'errormalformedpdu', 'errorcommandtimeout', 'errornotauthenticated', 'errorunexpectedcommand', 'errorserviceshutdown', 'errorinternalproblem',
    'errornosuchmessage',
  ],
  responses: {
    null: ctx(0, empty),
    scanList: ctx(1, seq({ messages: ctx(0, seqOf(messageIdentifier)), endtime: ctx(1, uint) })),
    silence: ctx(2, empty),
    unPin: ctx(3, empty),
    // [4] both ways (Q7); both fields are tagged [0] and told apart by their places, [1] is understood for size too (Q8).
    retrieve: ctx(4, seq({ data: ctx(0, octets()), size: ctx(0, uint, { alsoReads: 1 }) })),
  },
})
