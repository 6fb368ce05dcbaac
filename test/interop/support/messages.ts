// Messages whose octets must come back as they were sent, and the way past the trace header that the gateway puts on top.
import { user } from './programs.js'

export interface Wanted { readonly subject: string; readonly from?: string; readonly to?: string; readonly octets?: number; readonly eightBit?: boolean }

/** Everything that a road may spoil: dots at line starts, blanks at line ends, empty lines, long lines, 8-bit octets. CRLF throughout. */
export function message({ subject, from = user(2), to = user(1), octets = 0, eightBit = true }: Wanted): Buffer {
  const lines = [
    `From: Sender <${from}>`, `To: <${to}>`, `Subject: ${subject}`, 'Date: Sun, 22 Nov 2026 10:27:45 +0000', `Message-ID: <${subject.replace(/[^a-z0-9]/gi, '.')}@interop.example>`,
    'MIME-Version: 1.0', `Content-Type: text/plain; charset=${eightBit ? 'utf-8' : 'us-ascii'}`, `Content-Transfer-Encoding: ${eightBit ? '8bit' : '7bit'}`,
    'X-Folded: one', '\ttwo', '  three', '',
    '.', '..', '.dot', '...dots', 'From the beginning of a line', 'blanks at the end   ', '\ta tab', '', '', `long ${'0123456789'.repeat(99)}`.slice(0, 990), '-- ', 'QUIT', eightBit ? 'Grüße, 你好, ☃' : 'plain',
  ]
  for (let size = 0; size < octets; size += 78) lines.push(Array.from({ length: 76 }, (_, i) => String.fromCharCode(33 + (size * 7 + i * 13) % 94)).join(''))
  return Buffer.from(`${lines.join('\r\n')}\r\n`, 'utf8')
}

/** The message behind the trace header: Received and Return-Path lines at the top. Throws when there is none. */
export function afterTrace(octets: Buffer): Buffer {
  const trace = /^(?:(?:Received|Return-Path):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+/.exec(octets.toString('latin1'))
  if (!trace) throw new Error(`no trace header: ${octets.toString().slice(0, 300)}`)
  return octets.subarray(trace[0].length)
}

/** For programs that write files with the line ends of UNIX. */
export const withLf = (octets: Buffer): Buffer => Buffer.from(octets.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')

/** Throws unless the octets are the same, and shows the first place where they are not. */
export function same(got: Buffer, wanted: Buffer): void {
  if (got.equals(wanted)) return
  let at = 0
  while (got[at] === wanted[at]) at++
  const near = (octets: Buffer): string => JSON.stringify(octets.toString('latin1', Math.max(0, at - 60), at + 60))
  throw new Error(`octets differ from ${at} on\nwanted ${wanted.length} octets: ${near(wanted)}\ngot    ${got.length} octets: ${near(got)}`)
}
