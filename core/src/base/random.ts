// Chance comes in through this door. Identifiers are bearer secrets (im2000.md D26, D30), so the source is a CSPRNG.
import { randomBytes } from 'node:crypto'

export interface Random {
  /** `n` octets nobody can guess. */
  octets(n: number): Buffer
  /** A number in [0, 1), for jitter; not for secrets. */
  fraction(): number
}

/** The machine's random source. Small requests are cut from one pool: a fan-out asks for thousands of identifiers. */
export const systemRandom: Random = {
  octets(n) {
    if (n > 4096) return randomBytes(n)
    if (used + n > pool.length) {
      pool = randomBytes(65_536)
      used = 0
    }
    const cut = pool.subarray(used, used + n)
    used += n
    return cut
  },
  fraction: () => Math.random(),
}
let pool = Buffer.alloc(0)
let used = 0
