// RnaClient and StoreClient over the wire: the protocols' statuses become our errors again.
import { failure, isFailure, type ErrorCode } from '../../errors/codes.js'
import type { Where } from '../session/client.js'
import type { RnaClient, StoreClient } from '../seams.js'
import { toNumber } from '../values.js'
import { MsrapClient } from './msrap.js'
import { RnaspClient } from './rnasp.js'

/** Refusals that mean something to us; the rest stay PEER_REFUSED. */
async function worded<T>(request: Promise<T>, words: Readonly<Record<string, ErrorCode>>): Promise<T> {
  try {
    return await request
  } catch (error) {
    const code = isFailure(error, 'PEER_REFUSED') ? words[String(error.details.status)] : undefined
    throw code ? failure(code, {}, error) : error
  }
}

export async function connectRna(where: Where): Promise<RnaClient> {
  const client = await RnaspClient.connect(where)
  return {
    notify: (notifications) => worded(client.notify(notifications), { errorinternalproblem: 'NOTIFICATION_REFUSED', errornouser: 'ACCOUNT_NOT_FOUND' }),
    close: () => client.close(),
  }
}

export async function connectStore(where: Where): Promise<StoreClient> {
  const client = await MsrapClient.connect(where)
  const gone = { errornosuchmessage: 'MESSAGE_NOT_FOUND' } as const
  return {
    async retrieve(identifier, type, offset, length) {
      const { data, size } = await worded(client.retrieve(identifier, type, BigInt(offset), BigInt(length)), gone)
      return { data, size: toNumber(size) }
    },
    silence: (identifier) => worded(client.silence(identifier), gone),
    unpin: (identifier) => worded(client.unPin(identifier), gone),
    async scan(list, begintime) {
      const { messages, endtime } = await worded(client.scanList(list, BigInt(begintime)), { errornosuchmessage: 'LIST_NOT_FOUND' })
      return { identifiers: messages, endtime: toNumber(endtime) }
    },
    close: () => client.close(),
  }
}
