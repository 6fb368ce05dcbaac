// Holds on a message's octets by jobs that follow its delivery: written with the job, released when it is done.
import type { Database, Transaction } from '../database/connect.js'
import { markReapable } from '../store/submission.js'
import type { HoldKey } from './placing.js'

/** In the commit that writes the jobs. */
export const hold = (tx: Transaction, keys: readonly HoldKey[]): Promise<void> => tx.run(
  `INSERT INTO holds (message, recipient, n) SELECT r.message, r.recipient, r.n FROM ${tx.dialect.rows({ message: 'int', recipient: 'int', n: 'int' })} AS r`,
  [tx.dialect.rowsValue(keys.map(({ message, recipient, n }) => [message, recipient, n]))])

/** The job is done (or nobody's any more). May be repeated. */
export const release = (database: Database, { message, recipient, n }: HoldKey): Promise<void> => database.write(async (tx) => {
  await tx.run('DELETE FROM holds WHERE message = ? AND recipient = ? AND n = ?', [message, recipient, n])
  await markReapable(tx, [message])
})
