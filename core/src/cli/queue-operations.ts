// What administrators can do to what waits (operations.ts): recipients elsewhere, and jobs.
import { failure } from '../errors/codes.js'
import type { Gateway } from '../gateway.js'
import { queueStates, type QueueFilter } from '../store/queue.js'

/** Something must be named: nobody holds or removes all mail by leaving out a word. */
function chosen(filter: QueueFilter): QueueFilter {
  if (Object.values(filter).every((value) => value === undefined)) throw failure('NOT_PERMITTED', { what: 'this for the whole queue; name recipients by their ids, --domain, --sender, --state or --message' })
  return checked(filter)
}
function checked(filter: QueueFilter): QueueFilter {
  if (filter.state !== undefined && !queueStates.includes(filter.state)) throw failure('NOT_PERMITTED', { what: `the state ${String(filter.state)}; accepted: ${queueStates.join(', ')}` })
  return filter
}

export const queueOperations = {
  /** Jobs. */
  async queue(gateway: Gateway) {
    return (await gateway.jobs.list()).map(({ id, kind, runAt, attempts, parked, lastError }) => ({ id, kind, runAt, attempts, parked, lastError }))
  },
  async 'queue.jobs.retry'(gateway: Gateway, { ids }: { ids: number[] }) {
    await gateway.jobs.retry(ids)
    return { ids }
  },
  /** Recipients elsewhere, the next first; at most 1000. */
  'queue.list': (gateway: Gateway, filter: QueueFilter) => gateway.queue.list(checked(filter)),
  /** The same, counted by domain. */
  'queue.domains': (gateway: Gateway, filter: QueueFilter = {}) => gateway.queue.byDomain(checked(filter)),
  'queue.stats': (gateway: Gateway) => gateway.queue.stats(),
  'queue.retry': async (gateway: Gateway, filter: QueueFilter) => ({ recipients: await gateway.queue.retry(checked(filter)) }),
  'queue.hold': async (gateway: Gateway, filter: QueueFilter) => ({ recipients: await gateway.queue.hold(chosen(filter)) }),
  'queue.release': async (gateway: Gateway, filter: QueueFilter) => ({ recipients: await gateway.queue.release(checked(filter)) }),
  'queue.remove': async (gateway: Gateway, { tell = false, ...filter }: QueueFilter & { tell?: boolean }) => ({ recipients: await gateway.queue.remove(chosen(filter), tell) }),
}
