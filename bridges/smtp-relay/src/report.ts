// Delivery status notifications (RFC 3461-3464, 6522): what became of mail that could not be handed over, filed with its sender. Pure.
import { formatDate } from '@restante/core'
import type { Verdict } from './outcome.js'

export interface Report {
  readonly kind: 'failed' | 'delayed'
  readonly host: string
  /** Who gets it. */
  readonly to: string
  readonly messageId: string
  /** Milliseconds UTC. */
  readonly at: number
  readonly submittedAt: number
  readonly recipients: readonly { readonly address: string; readonly verdict: Verdict }[]
  /** Header of the message that it is about, octets as Latin-1, lines with CRLF. */
  readonly header: string
  /** Seconds until it is given up, for a delay. */
  readonly left?: number
}

export function composeReport(report: Report): Buffer {
  const { kind, host, to, messageId, at, recipients } = report
  const boundary = `=_report_${messageId.replace(/[^A-Za-z0-9]/g, '').slice(0, 40)}`
  const failed = kind === 'failed'
  const eightBit = /[^\x00-\x7f]/.test(report.header)
  const lines = [
    `From: Mail delivery <postmaster@${host}>`, `To: <${oneLine(to)}>`, `Subject: ${failed ? 'Undelivered mail' : 'Mail is late'}: ${ascii(subjectOf(report.header)).slice(0, 120)}`,
    `Date: ${formatDate(at)}`, `Message-ID: <${messageId}>`, 'Auto-Submitted: auto-replied', 'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`, '',
    `--${boundary}`, 'Content-Type: text/plain; charset=us-ascii', '',
    failed ? 'Your message could not be delivered to:' : 'Your message could not be delivered yet; there will be further attempts'.concat(report.left === undefined ? '.' : ` for ${Math.max(1, Math.round(report.left / 3600))} hours.`, '\r\nYou need not send it again. It waits for:'), '',
    ...recipients.flatMap(({ address, verdict }) => [`  <${ascii(address)}>`, ...wrap(`    ${ascii(verdict.why)}`)]), '',
    `--${boundary}`, 'Content-Type: message/delivery-status', '',
    `Reporting-MTA: dns; ${host}`, `Arrival-Date: ${formatDate(report.submittedAt)}`, '',
    ...recipients.flatMap(({ address, verdict }) => [
      // RFC 6533 has a type of its own for addresses beyond ASCII; in a report of seven bits they are written with escapes.
      `Final-Recipient: ${/[^\x20-\x7e]/.test(address) ? `utf-8; ${xtext(address)}` : `rfc822; ${oneLine(address)}`}`, `Action: ${kind}`, `Status: ${verdict.status}`,
      ...(verdict.host === undefined ? [] : [`Remote-MTA: dns; ${ascii(verdict.host)}`]), ...(verdict.said === undefined ? [] : wrap(`Diagnostic-Code: smtp; ${ascii(verdict.said)}`)), '',
    ]),
    `--${boundary}`, `Content-Type: text/rfc822-headers`, ...(eightBit ? ['Content-Transfer-Encoding: 8bit'] : []), '', report.header.replace(/(\r\n)+$/, ''), '', `--${boundary}--`, '',
  ]
  return Buffer.from(lines.join('\r\n'), 'latin1')
}

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ').trim()
const ascii = (text: string): string => oneLine(text).replace(/[^\x20-\x7e]/g, '?')
/** RFC 6533 3: what is not plain, as \x{hex}. */
const xtext = (text: string): string => oneLine(text).replace(/[^\x21-\x5b\x5d-\x7e]/gu, (sign) => `\\x{${sign.codePointAt(0)!.toString(16).toUpperCase()}}`)
const subjectOf = (header: string): string => /^subject[ \t]*:[ \t]*(.*(?:\r\n[ \t].*)*)/im.exec(header)?.[1].replace(/\r\n/g, '') ?? '(no subject)'
/** Continuation lines begin with a blank: a line of a header may. */
const wrap = (line: string): string[] => line.match(/.{1,900}(?:\s|$)|.{1,900}/g)?.map((piece, i) => (i === 0 ? piece.trimEnd() : `    ${piece.trim()}`)) ?? []
