// Group commit. Operations that wait while a commit is in flight go into the next transaction together, each under its own
// savepoint, each answered only after the commit. So throughput rises with load, and one bad operation fails alone.
import { failure } from '../errors/codes.js'
import type { Batch, Statements, Transaction } from './connect.js'
import type { Dialect } from './dialect.js'

interface Waiting {
  readonly batch: Batch<any, any> | undefined
  /** The item of a batch, or the operation itself. */
  readonly item: any
  readonly resolve: (value: any) => void
  readonly reject: (error: unknown) => void
}

/** A unit of work under one savepoint: one operation, or all waiting items of one batch. */
interface Unit {
  readonly members: readonly Waiting[]
  run(tx: Transaction): Promise<readonly unknown[]>
}
type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** Operations in one transaction at most: bounds the work that one failure of COMMIT takes down, and the wait of the first. */
const largestGroup = 256

export class CommitQueue {
  readonly #dialect: Dialect
  readonly #tx: Statements & { renew(): Promise<void> }
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #closed = false
  readonly #numbers: Transaction['numbers'] = new Map()
  /** Transactions committed so far. */
  commits = 0

  constructor(dialect: Dialect, tx: Statements & { renew(): Promise<void> }) {
    this.#dialect = dialect
    this.#tx = tx
  }

  write<T>(operation: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#add(undefined, operation)
  }

  writeBatched<I, O>(batch: Batch<I, O>, item: I): Promise<O> {
    return this.#add(batch, item)
  }

  /** Takes nothing new, and resolves when nothing waits any more. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#running) await this.#running
  }

  #add<T>(batch: Batch<any, any> | undefined, item: unknown): Promise<T> {
    if (this.#closed) return Promise.reject(failure('SHUTTING_DOWN'))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ batch, item, resolve, reject })
      this.#running ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    // One turn of the event loop, so that what arrived in the same read joins the same commit.
    await new Promise<void>((resolve) => { setImmediate(resolve) })
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, largestGroup)
      const outcomes = await this.#commit(group)
      // Told in order, after the commit.
      for (const member of group) {
        const outcome = outcomes.get(member) ?? { error: failure('INTERNAL') }
        if ('error' in outcome) member.reject(outcome.error)
        else member.resolve(outcome.value)
      }
    }
    // In the same turn as the last look: whoever comes now starts a new one.
    this.#running = undefined
  }

  async #commit(group: readonly Waiting[]): Promise<Map<Waiting, Outcome>> {
    const outcomes = new Map<Waiting, Outcome>()
    try {
      await this.#tx.run(this.#dialect.begin)
      let units = unitsOf(group)
      const afterwards: (() => void)[] = []
      if (units.length === 1 || units.every(isBatch)) units = await this.#unguarded(units, outcomes, afterwards)
      for (const unit of units) await this.#attempt(unit, outcomes, afterwards)
      await this.#tx.run('COMMIT')
      this.commits++
      for (const run of afterwards) told(run)
    } catch (error) {
      // BEGIN, a savepoint, or COMMIT itself failed: nothing of the group is durable, whatever the units said.
      await this.#tx.run('ROLLBACK').catch(() => this.#tx.renew().catch(() => undefined))
      for (const member of group) if (!isError(outcomes.get(member))) outcomes.set(member, { error })
    }
    return outcomes
  }

  /** One unit, or batches only, which may be tried again: the transaction itself is their savepoint. Answers what is left to try: nothing, or everything. */
  async #unguarded(units: Unit[], outcomes: Map<Waiting, Outcome>, afterwards: (() => void)[]): Promise<Unit[]> {
    try {
      for (const unit of units) {
        const values = await unit.run(this.#transaction(afterwards))
        unit.members.forEach((member, i) => outcomes.set(member, { value: values[i] }))
      }
      return []
    } catch (error) {
      if (units.length === 1 && units[0].members.length === 1) throw error
      afterwards.length = 0
      outcomes.clear()
      await this.#tx.run('ROLLBACK')
      await this.#tx.run(this.#dialect.begin)
      return units.length === 1 ? units[0].members.map(single) : units
    }
  }

  #transaction(afterwards: (() => void)[]): Transaction {
    const { dialect, all, get, run } = this.#tx
    return { dialect, all, get, run, numbers: this.#numbers, afterCommit: (callback) => { afterwards.push(callback) } }
  }

  async #attempt(unit: Unit, outcomes: Map<Waiting, Outcome>, afterwards: (() => void)[]): Promise<void> {
    const own: (() => void)[] = []
    await this.#tx.run('SAVEPOINT one')
    try {
      const values = await unit.run(this.#transaction(own))
      await this.#tx.run('RELEASE SAVEPOINT one')
      for (const run of own) afterwards.push(run)
      unit.members.forEach((member, i) => outcomes.set(member, { value: values[i] }))
      return
    } catch (error) {
      // The savepoint may be gone with the whole transaction (a full disk): then that is what everybody shall hear of.
      await this.#tx.run('ROLLBACK TO SAVEPOINT one').catch(() => { throw error })
      await this.#tx.run('RELEASE SAVEPOINT one')
      if (unit.members.length === 1) {
        outcomes.set(unit.members[0], { error })
        return
      }
    }
    // One of several failed: each alone, so that only the guilty one is refused.
    for (const member of unit.members) await this.#attempt(single(member), outcomes, afterwards)
  }
}

/** What is committed is committed: a bug in one listener must neither unsay it nor keep it from the others. It surfaces on its own. */
function told(run: () => void): void {
  try {
    run()
  } catch (error) {
    setImmediate(() => { throw error })
  }
}

const isBatch = ({ members }: Unit): boolean => members[0].batch !== undefined

/** One item of a batch as a unit of its own. */
const single = (member: Waiting): Unit => ({ members: [member], run: (tx) => member.batch!.write(tx, [member.item]) })

const isError = (outcome: Outcome | undefined): boolean => outcome !== undefined && 'error' in outcome

/** Items of the same batch become one unit, at the place of the first. Nobody who waits has been answered, so their order is free. */
function unitsOf(group: readonly Waiting[]): Unit[] {
  const units: Unit[] = []
  const batches = new Map<Batch<any, any>, Waiting[]>()
  for (const waiting of group) {
    const { batch } = waiting
    if (!batch) {
      const operation = waiting.item as (tx: Transaction) => Promise<unknown>
      units.push({ members: [waiting], run: async (tx) => [await operation(tx)] })
      continue
    }
    const known = batches.get(batch)
    if (known) {
      known.push(waiting)
      continue
    }
    const members = [waiting]
    batches.set(batch, members)
    units.push({ members, run: (tx) => batch.write(tx, members.map((member) => member.item)) })
  }
  return units
}
