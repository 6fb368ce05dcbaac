// What a server's answer, or its silence, means for a recipient. Pure.
import type { Config } from './config.js'

/** Of one recipient, before the schedule is asked. */
export interface Verdict {
  readonly kind: 'delivered' | 'temporary' | 'permanent'
  /** Enhanced status (RFC 3463). */
  readonly status: string
  readonly why: string
  /** The server's own words, for a report (RFC 3464 2.3.6). */
  readonly said?: string
  readonly host?: string
}

/** What nodemailer throws. */
export interface SmtpTrouble { readonly code?: string; readonly responseCode?: number; readonly response?: string; readonly message: string; readonly command?: string; readonly recipient?: string }

/** Trouble on our side of the conversation, by nodemailer's code; everything else without an answer is temporary. */
const ours: Readonly<Record<string, readonly ['temporary' | 'permanent', string]>> = {
  EMESSAGE: ['permanent', '5.3.4'], // larger than the server announced
  EENVELOPE: ['permanent', '5.1.3'], // an address that cannot be said to this server (SMTPUTF8)
  ETLS: ['temporary', '4.7.0'],
  EAUTH: ['temporary', '4.7.8'], // the administrator's to mend
}

export function verdictOf(trouble: SmtpTrouble, host: string): Verdict {
  const { responseCode, response } = trouble
  if (responseCode !== undefined && responseCode >= 400 && trouble.code !== 'EAUTH') {
    const said = oneLine(response ?? trouble.message)
    const kind = responseCode >= 500 ? 'permanent' : 'temporary'
    const status = /\b([45]\.\d{1,3}\.\d{1,3})\b/.exec(said)?.[1]
    // A class that contradicts the code is not believed.
    return { kind, status: status?.startsWith(kind === 'permanent' ? '5' : '4') ? status : kind === 'permanent' ? '5.0.0' : '4.0.0', why: `${host} said: ${said}`, said, host }
  }
  // What is no reply at all, or none to this question, says nothing about the mail.
  if (response && trouble.code !== 'EAUTH' && trouble.code !== 'ETLS') return { kind: 'temporary', status: '4.5.0', why: `${host}: ${oneLine(trouble.message)}`, host }
  const [kind, status] = ours[trouble.code ?? ''] ?? ['temporary', '4.4.2']
  return { kind, status, why: `${host}: ${oneLine(trouble.message)}`, host }
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').replace(/[^\x20-\x7e]/g, '?').trim().slice(0, 500)

/** When to try again: doubling, a tenth more or less; undefined when the message is too old for another attempt. @param attempts made before this one */
export function again(attempts: number, submittedAt: number, now: number, { retry, retryLongest, giveUp }: Pick<Config, 'retry' | 'retryLongest' | 'giveUp'>, spread: number): number | undefined {
  if (now - submittedAt >= giveUp * 1000) return undefined
  const wait = Math.min(retryLongest, retry * 2 ** Math.min(attempts, 30)) * 1000 * (0.9 + 0.2 * spread)
  // The last attempt is when time is up, not an hour later.
  return Math.round(Math.min(now + wait, Math.max(now + 1000, submittedAt + giveUp * 1000)))
}
