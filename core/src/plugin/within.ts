// A time limit around somebody else's promise.
import type { Clock } from '../base/clock.js'

/** @throws an Error that says what took too long; what `run` does afterwards is nobody's business any more */
export async function within<T>(ms: number, clock: Clock, what: string, run: () => Promise<T>): Promise<T> {
  let timer: { clear(): void } | undefined
  try {
    return await Promise.race([
      run(),
      new Promise<never>((_, reject) => {
        timer = clock.after(ms, () => reject(new Error(`${what} took longer than ${ms / 1000} s`)))
      }),
    ])
  } finally {
    timer?.clear()
  }
}
