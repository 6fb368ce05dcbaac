// How many sessions at once: over all, per service, per remote address. Peers on this machine (webmail, a proxy without
// PROXY header) speak for many people, so only the first two bind them.
import { countedAs, isLoopback } from './addresses.js'

export type Refusal = 'too-many' | 'too-many-from-address' | 'shutting-down'

/** Shared by all listeners. */
export interface Total { open: number; readonly max: number }

export interface SessionLimits {
  readonly open: number
  /** Counts one more, or says why not. */
  admit(address: string): Refusal | undefined
  leave(address: string): void
}

export function createLimits(max: number, perAddress: number, total: Total): SessionLimits {
  let open = 0
  const byAddress = new Map<string, number>()
  return {
    get open() {
      return open
    },
    admit(address) {
      if (open >= max || total.open >= total.max) return 'too-many'
      if (!isLoopback(address)) {
        const key = countedAs(address)
        const before = byAddress.get(key) ?? 0
        if (before >= perAddress) return 'too-many-from-address'
        byAddress.set(key, before + 1)
      }
      open++
      total.open++
      return undefined
    },
    leave(address) {
      open--
      total.open--
      if (isLoopback(address)) return
      const key = countedAs(address)
      const left = (byAddress.get(key) ?? 1) - 1
      if (left > 0) byAddress.set(key, left)
      else byAddress.delete(key)
    },
  }
}
