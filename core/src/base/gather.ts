// Many small questions asked at once become one: those of the same turn of the event loop are answered together.
export function gather<K, V>(ask: (keys: readonly K[]) => Promise<(key: K) => V>): (key: K) => Promise<V> {
  let waiting: { readonly key: K; readonly done: (value: V) => void; readonly refuse: (error: unknown) => void }[] = []
  const run = async (): Promise<void> => {
    const mine = waiting
    waiting = []
    try {
      const answer = await ask(mine.map(({ key }) => key))
      for (const { key, done } of mine) done(answer(key))
    } catch (error) {
      for (const { refuse } of mine) refuse(error)
    }
  }
  return (key) => new Promise((done, refuse) => {
    if (waiting.push({ key, done, refuse }) === 1) setImmediate(() => void run())
  })
}
