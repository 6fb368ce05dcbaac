// Other sender addresses for those that programs of an organisation write: 'root@web1.example.org' becomes 'web@example.org'. Pure.

/** `from`: an address, or *@domain; `to`: an address, or *@domain, where * stands for the same local part. */
export interface Rewrite { readonly from: string; readonly to: string }

/** The first rule that fits decides. */
export function createRewrite(rules: readonly Rewrite[]): (address: string) => string {
  const byAddress = new Map<string, string>()
  for (const { from, to } of rules) if (!byAddress.has(from.toLowerCase())) byAddress.set(from.toLowerCase(), to)
  return (address) => {
    const at = address.lastIndexOf('@')
    if (at < 0) return address
    const to = byAddress.get(address.toLowerCase()) ?? byAddress.get(`*${address.slice(at).toLowerCase()}`)
    return to === undefined ? address : to.replace('*', () => address.slice(0, at))
  }
}

/** A header field with the addresses in it rewritten where they stand as they are. @param addresses those that were read in it */
export function rewriteField(field: string, addresses: readonly string[], rewrite: (address: string) => string): string {
  let text = field
  for (const address of new Set(addresses)) {
    const other = rewrite(address)
    if (other !== address) text = text.replace(new RegExp(`(?<![A-Za-z0-9.!#$%&'*+/=?^_\`{|}~-])${address.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')}(?![A-Za-z0-9.-])`, 'g'), () => other)
  }
  return text
}
