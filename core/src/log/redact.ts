// What must never be readable in a log: passwords, secrets, credentials; and message identifiers, which are bearer secrets
// (im2000.md D30). The callers do not log them; this is the net below the rope.

const secretKey = /^(password|passwd|pass|secret|authorization|credentials?|salted|scram|storedkey|serverkey|privatekey|digest-?response)$/i
const identifierKey = /^(identifier|identifiers)$/i

/** The object as it may be logged. Looks two levels deep, which is as deep as our log calls go; copies only when something must be masked. */
export function redact(fields: Record<string, unknown>, depth = 2): Record<string, unknown> {
  let out = fields
  for (const key in fields) {
    const value = fields[key]
    const masked =
      secretKey.test(key) ? '***'
      : identifierKey.test(key) ? shortIdentifier(value)
      : depth > 1 && isPlain(value) ? redact(value, depth - 1)
      : value
    if (masked !== value) {
      if (out === fields) out = { ...fields }
      out[key] = masked
    }
  }
  return out
}

/** Enough of an identifier to tell two apart in a log, too little to use it. */
export function shortIdentifier(value: unknown): string {
  if (Array.isArray(value)) return value.map(shortIdentifier).join(' ')
  const hex = Buffer.isBuffer(value) ? value.toString('hex') : String(value)
  return `${hex.slice(0, 6)}…`
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
