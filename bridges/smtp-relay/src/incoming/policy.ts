// What becomes of mail whose From is not proven: the domain's wish (RFC 7489 6.6.4), within what the configuration allows; and
// who may vouch for it all the same (RFC 8617 7.2.1). Pure.

/** What the configuration allows, and what is done. */
export type Disposition = 'none' | 'junk' | 'refuse'
const order: readonly Disposition[] = ['none', 'junk', 'refuse']
export const strictest = (a: Disposition, b: Disposition): Disposition => (order.indexOf(a) > order.indexOf(b) ? a : b)

export interface DmarcFound {
  /** 'permerror': nobody can say whose policy holds. */
  readonly result: string
  /** 'none', 'quarantine' or 'reject', as the domain publishes it. */
  readonly policy: string
  /** How much of its mail the policy holds for, in percent. */
  readonly pct: number
}

/** Mail that the policy does not hold for gets the next milder one. */
const milder: Readonly<Record<string, string>> = { reject: 'quarantine' }

/** @param chance 0 to 100, drawn for this message */
export function dispositionOf(allowed: Disposition, { result, policy, pct }: DmarcFound, chance: number): Disposition {
  if (allowed === 'none') return 'none'
  if (result === 'permerror') return 'junk'
  if (result !== 'fail') return 'none'
  const holds = chance < pct ? policy : milder[policy]
  return holds === 'reject' ? allowed : holds === 'quarantine' ? 'junk' : 'none'
}

/** What one set of ARC fields says: who sealed, and what DMARC came to when the message was there. */
export interface ArcLink { readonly sealer: string | undefined; readonly dmarc: string | undefined }

/**
 * The sealer that saw DMARC pass, if everybody who had the message since is trusted. The chain must have been verified.
 * @param chain oldest first
 * @param trusted domains, in lower case or not
 */
export function voucherOf(chain: readonly ArcLink[], trusted: readonly string[]): string | undefined {
  const names = new Set(trusted.map((name) => name.toLowerCase()))
  for (const { sealer, dmarc } of [...chain].reverse()) {
    const name = sealer?.toLowerCase()
    if (name === undefined || !names.has(name)) return undefined
    if (dmarc?.toLowerCase() === 'pass') return name
  }
  return undefined
}
