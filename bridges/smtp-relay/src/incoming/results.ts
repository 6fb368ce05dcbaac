// The fields that tell what was found: Authentication-Results (RFC 8601) and Received-SPF (RFC 7208 9.1). Pure.

export const authenticationResults = (host: string, results: readonly string[]): string => `Authentication-Results: ${[host, ...results].join(';\r\n\t')}\r\n`

/** Strangers wrote it: what could be taken for other syntax goes. */
export const token = (text: string): string => text.replace(/[^A-Za-z0-9._@+=:-]/g, '').slice(0, 255) || 'none'
const quoted = (text: string): string => `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&').slice(0, 320)}"`

export function receivedSpf({ result, remoteAddress, helo, sender, hostname }: { readonly result: string; readonly remoteAddress: string; readonly helo: string; readonly sender: string; readonly hostname: string }): string {
  const identity = sender === '' ? 'helo' : 'mailfrom'
  return `Received-SPF: ${token(result)} identity=${identity}; client-ip=${token(remoteAddress)};\r\n\thelo=${quoted(helo)};\r\n\tenvelope-from=${quoted(sender)};\r\n\treceiver=${token(hostname)}\r\n`
}
