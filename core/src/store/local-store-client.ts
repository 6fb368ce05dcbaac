// StoreClient in this process: our own store, without a socket.
import type { StoreClient } from '../im2000/seams.js'
import type { Lists } from './lists.js'
import type { Retrieval } from './retrieval.js'

export const makeLocalStoreClient = ({ retrieval, lists }: { retrieval: Pick<Retrieval, 'retrieve' | 'silence' | 'unpin'>; lists: Pick<Lists, 'scan'> }): StoreClient => ({
  retrieve: (identifier, type, offset, length) => retrieval.retrieve(identifier, type, offset, length),
  silence: (identifier) => retrieval.silence(identifier),
  unpin: (identifier) => retrieval.unpin(identifier),
  // As over the wire: nobody in particular asks, so only public lists can be read (Q13).
  scan: (list, begintime) => lists.scan(list, begintime, null),
  close: () => undefined,
})
