// The trace lines that SMTP asks of us (RFC 5321 4.4), beside the Received line that the store writes for every submission:
// Return-Path, and for mail from outside where it came from. Pure.

export interface Hop {
  readonly sender: string
  readonly helo: string
  readonly remoteAddress: string
  readonly host: string
  /** 'ESMTPS', 'LMTP', ... */
  readonly protocol: string
  readonly session: string
  readonly now: number
}

export function returnPath(sender: string): string {
  return `Return-Path: <${sender}>\r\n`
}

/** For mail programs and filters that know unwanted mail by its header. */
export function junkFields(why: string): string {
  return `X-Spam-Flag: YES\r\nX-Spam-Reason: ${why.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 900)}\r\n`
}

export function received({ helo, remoteAddress, host, protocol, session, now }: Hop): string {
  const literal = remoteAddress.includes(':') ? `[IPv6:${remoteAddress}]` : `[${remoteAddress}]`
  // A name that could be taken for other syntax is left out; the address is what counts.
  const name = /^[A-Za-z0-9._-]{1,255}$|^\[[A-Za-z0-9.:]{1,100}\]$/.test(helo) ? helo : literal
  return `Received: from ${name} (${literal})\r\n\tby ${host} with ${protocol} id ${session};\r\n\t${mailDate(now)}\r\n`
}

/** RFC 5322 3.3, in UTC: 'Sun, 22 Nov 2026 10:27:45 +0000'. */
export function mailDate(now: number): string {
  return new Date(now).toUTCString().replace('GMT', '+0000')
}
