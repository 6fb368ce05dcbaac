// Delivery status notifications (RFC 3461-3464, 6522, 6533): what became of mail, for the one who sent it. Pure.
import { formatDate } from './dates.js'

export type ReportKind = 'failed' | 'delayed' | 'relayed' | 'delivered'

/** What became of one recipient. */
export interface Fate {
  readonly address: string
  /** As the sender named it, 'rfc822;bob@example.org' (ORCPT). */
  readonly original?: string
  /** Enhanced status (RFC 3463). */
  readonly status: string
  readonly why: string
  /** The other server's own words (RFC 3464 2.3.6), and its name. */
  readonly said?: string
  readonly host?: string
}
export interface Report {
  readonly kind: ReportKind
  readonly host: string
  /** Who gets it. */
  readonly to: string
  readonly messageId: string
  /** The sender's name for the message (ENVID). */
  readonly envelopeId?: string
  /** Milliseconds UTC. */
  readonly at: number
  readonly submittedAt: number
  readonly recipients: readonly Fate[]
  /** Header of the message that it is about, octets as Latin-1, lines with CRLF. */
  readonly header: string
  /** The message follows whole. */
  readonly whole?: { readonly eightBit: boolean }
  /** Seconds until it is given up, for a delay. */
  readonly left?: number
}

interface Words { readonly subject: string; readonly text: (left: string) => string }
const words: Readonly<Record<ReportKind, Words>> = {
  failed: { subject: 'Undelivered mail', text: () => 'Your message could not be delivered to:' },
  delayed: { subject: 'Mail is late', text: (left) => `Your message could not be delivered yet; there will be further attempts${left}.\r\nYou need not send it again. It waits for:` },
  relayed: { subject: 'Mail was passed on', text: () => 'Your message was handed to a system that does not report further, for:' },
  delivered: { subject: 'Mail was delivered', text: () => 'Your message was delivered to:' },
}

/** What comes before the message that it is about (its header alone, or all of it), and what after. */
export function composeReport(report: Report): { readonly before: Buffer; readonly after: Buffer } {
  const { kind, host, to, messageId, at, recipients, envelopeId, whole } = report
  const boundary = `=_report_${messageId.replace(/[^A-Za-z0-9]/g, '').slice(0, 40)}`
  const { subject, text } = words[kind]
  const eightBit = whole ? whole.eightBit : /[^\x00-\x7f]/.test(report.header)
  const lines = [
    `From: Mail delivery <postmaster@${host}>`, `To: <${oneLine(to)}>`, `Subject: ${subject}: ${ascii(subjectOf(report.header)).slice(0, 120)}`,
    `Date: ${formatDate(at)}`, `Message-ID: <${messageId}>`, 'Auto-Submitted: auto-replied', 'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`, '',
    `--${boundary}`, 'Content-Type: text/plain; charset=us-ascii', '',
    text(report.left === undefined ? '' : ` for ${Math.max(1, Math.round(report.left / 3600))} hours`), '',
    ...recipients.flatMap(({ address, why }) => [`  <${ascii(address)}>`, ...wrap(`    ${ascii(why)}`)]), '',
    `--${boundary}`, 'Content-Type: message/delivery-status', '',
    ...(envelopeId === undefined ? [] : wrap(`Original-Envelope-Id: ${ascii(envelopeId)}`)),
    `Reporting-MTA: dns; ${host}`, `Arrival-Date: ${formatDate(report.submittedAt)}`, '',
    ...recipients.flatMap(({ address, original, status, said, host: remote }) => [
      ...(original === undefined ? [] : wrap(`Original-Recipient: ${escaped(original.replace(/^([^;]*);/, '$1; '))}`)),
      // RFC 6533 has a type of its own for addresses beyond ASCII; in a report of seven bits they are written with escapes.
      `Final-Recipient: ${/[^\x20-\x7e]/.test(address) ? `utf-8; ${xtext(address)}` : `rfc822; ${oneLine(address)}`}`, `Action: ${kind}`, `Status: ${status}`,
      ...(remote === undefined ? [] : [`Remote-MTA: dns; ${ascii(remote)}`]), ...(said === undefined ? [] : wrap(`Diagnostic-Code: smtp; ${ascii(said)}`)), '',
    ]),
    `--${boundary}`, `Content-Type: ${whole ? 'message/rfc822' : 'text/rfc822-headers'}`, ...(eightBit ? ['Content-Transfer-Encoding: 8bit'] : []), '', '',
  ]
  return { before: Buffer.from(lines.join('\r\n'), 'latin1'), after: Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1') }
}

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ').trim()
const ascii = (text: string): string => oneLine(text).replace(/[^\x20-\x7e]/g, '?')
/** RFC 6533 3: what is not plain, as \x{hex}. */
const xtext = (text: string): string => oneLine(text).replace(/[^\x21-\x5b\x5d-\x7e]/gu, (sign) => `\\x{${sign.codePointAt(0)!.toString(16).toUpperCase()}}`)
const escaped = (text: string): string => oneLine(text).replace(/[^\x20-\x7e]/gu, (sign) => `\\x{${sign.codePointAt(0)!.toString(16).toUpperCase()}}`)
const subjectOf = (header: string): string => /^subject[ \t]*:[ \t]*(.*(?:\r\n[ \t].*)*)/im.exec(header)?.[1].replace(/\r\n/g, '') ?? '(no subject)'
/** Continuation lines begin with a blank: a line of a header may. */
const wrap = (line: string): string[] => line.match(/.{1,900}(?:\s|$)|.{1,900}/g)?.map((piece, i) => (i === 0 ? piece.trimEnd() : `    ${piece.trim()}`)) ?? []
