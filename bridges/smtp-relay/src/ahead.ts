// Messages whose turn is near are read together: one query for a few of them, not one for each.
import type { Content, Contents, MessageId } from '@restante/core'

/** Held in memory at once, of those that are small enough to be. */
const together = 8

export interface Ahead {
  /** In the order given to `readAhead`, each once. Throws as `Contents.open` does. */
  take(): Promise<Content>
}

export function readAhead(contents: Contents, ids: readonly MessageId[]): Ahead {
  let at = 0
  let read: Promise<ReadonlyMap<MessageId, Content>> | undefined
  return {
    async take() {
      if (at % together === 0) read = some(contents, ids.slice(at, at + together))
      const id = ids[at++]
      return (await read)!.get(id) ?? contents.open(id)
    },
  }
}

/** What is gone, or cannot be read, is left out: who opens it alone hears why. */
async function some(contents: Contents, ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, Content>> {
  const found = new Map<MessageId, Content>()
  if (ids.length === 1) return found
  try {
    for await (const content of contents.readMany(ids)) found.set(content.message, content)
  } catch {
    return new Map()
  }
  return found
}
