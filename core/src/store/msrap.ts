// MSRAP, served: retrieve, silence, un-pin, scan lists (im2000.md D.5-D.7). A table of calls to the store, and this
// protocol's words. Nobody authenticates: the identifier is the authorisation.
import { msrap } from '../im2000/pdu/msrap.js'
import { ok, pair, type Service } from '../im2000/session/transaction.js'
import { toNumber } from '../im2000/values.js'
import type { Lists } from './lists.js'
import type { Retrieval } from './retrieval.js'

export interface MsrapParts {
  readonly retrieval: Pick<Retrieval, 'retrieve' | 'silence' | 'unpin'>
  readonly lists: Pick<Lists, 'scan'>
  /** Octets of one answer to Retrieve (B38). */
  readonly windowOctets: number
}
type Msrap = typeof msrap

const statusOf: Service<Msrap>['statusOf'] = {
  MESSAGE_NOT_FOUND: 'errornosuchmessage',
  LIST_NOT_FOUND: 'errornosuchmessage', // Q17
  CONTENT_UNAVAILABLE: 'errorinternalproblem',
  SHUTTING_DOWN: 'errorserviceshutdown',
}

export const makeMsrap = ({ retrieval, lists, windowOctets }: MsrapParts): Service<Msrap> => ({
  protocol: msrap,
  statusOf,
  table: {
    scanList: {
      run: pair(async (_, { listname, begintime }) => {
        const begin = toNumber(begintime)
        const { identifiers, endtime } = await lists.scan(listname, begin, null)
        // D61: a begintime in the future comes back as it was.
        return ok({ kind: 'scanList', value: { messages: identifiers, endtime: endtime === begin ? begintime : BigInt(endtime) } })
      }),
    },
    silence: {
      run: pair(async (_, { identifier }) => {
        await retrieval.silence(identifier)
        return ok({ kind: 'silence', value: {} })
      }),
    },
    unPin: {
      run: pair(async (_, { identifier }) => {
        await retrieval.unpin(identifier)
        return ok({ kind: 'unPin', value: {} })
      }),
    },
    retrieve: {
      run: pair(async (_, { identifier, type, offset, length }) => {
        const { data, size } = await retrieval.retrieve(identifier, type, toNumber(offset), Math.min(toNumber(length), windowOctets))
        return ok({ kind: 'retrieve', value: { data, size: BigInt(size) } })
      }),
    },
  },
})
