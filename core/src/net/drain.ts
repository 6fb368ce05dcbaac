// Ending: tell all open connections, wait until they have gone or the deadline has passed.

export interface Drainable {
  /** Aborts the connection's `draining` signal. */
  sayGoodbye(): void
  destroy(): void
}

export interface OpenSet<C extends Drainable> {
  readonly size: number
  add(connection: C): void
  remove(connection: C): void
  drain(deadline: AbortSignal): Promise<void>
}

export function createOpenSet<C extends Drainable>(): OpenSet<C> {
  const open = new Set<C>()
  let onEmpty: (() => void) | undefined
  return {
    get size() {
      return open.size
    },
    add: (connection) => void open.add(connection),
    remove(connection) {
      open.delete(connection)
      if (open.size === 0) onEmpty?.()
    },
    async drain(deadline) {
      for (const connection of [...open]) connection.sayGoodbye()
      if (open.size === 0) return
      await new Promise<void>((resolve) => {
        onEmpty = resolve
        const cut = (): void => {
          for (const connection of [...open]) connection.destroy()
          // Their close events follow; nobody needs to wait for them.
          resolve()
        }
        if (deadline.aborted) cut()
        else deadline.addEventListener('abort', cut, { once: true })
      })
    },
  }
}
