// What becomes of a message that was looked at, and what its header says of it. Pure.
import type { IncomingVerdict } from '@restante/core'
import type { Config } from './config.js'
import type { Rspamd } from './rspamd.js'

/** undefined: there was no answer, or the message was not shown. */
export interface Seen { readonly rspamd?: Rspamd | 'no answer' | 'too large'; readonly clamd?: { readonly found: string | undefined } | 'no answer' | 'too large' }
type Follows = 'refuse' | 'later' | 'junk' | 'header'

export function verdictOf(config: Config, { rspamd, clamd }: Seen): IncomingVerdict {
  const { clamd: viruses, rspamd: spam } = config
  if ((rspamd === 'no answer' && spam.failure === 'closed') || (clamd === 'no answer' && viruses.failure === 'closed')) return { tempfail: 'Mail cannot be checked at the moment; try again later' }
  const found = typeof clamd === 'object' ? clamd.found : undefined
  const follows = found === undefined ? 'header' : viruses.found
  if (follows === 'refuse') return { reject: `The message contains ${found}` }
  const does = typeof rspamd === 'object' ? followsOn(config, rspamd.action) : 'header'
  if (does === 'refuse') return { reject: line((rspamd as Rspamd).text ?? 'The message is taken for spam') }
  if (does === 'later') return { tempfail: line((rspamd as Rspamd).text ?? 'Try again later') }
  const trace = (rspamd === undefined ? '' : spamStatus(rspamd)) + (clamd === undefined ? '' : virusStatus(clamd))
  const junk = follows === 'junk' ? `ClamAV found ${found}` : does === 'junk' ? `rspamd: ${(rspamd as Rspamd).score.toFixed(2)} of ${(rspamd as Rspamd).required.toFixed(2)}` : undefined
  return { trace, ...(junk === undefined ? {} : { junk }) }
}

function followsOn({ rspamd }: Config, action: string): Follows {
  switch (action) {
    case 'reject': return rspamd.reject
    case 'add header': case 'rewrite subject': return rspamd.addHeader
    case 'soft reject': return rspamd.softReject
    case 'greylist': return rspamd.greylist
    default: return 'header'
  }
}

const spammy = new Set(['reject', 'add header', 'rewrite subject'])

/** As SpamAssassin writes it: mail programs and filters know it. */
function spamStatus(seen: NonNullable<Seen['rspamd']>): string {
  if (typeof seen === 'string') return `X-Spam-Status: No, not checked (${seen})\r\n`
  const tests = seen.symbols.map((name, i) => `${i > 0 ? ',' : ''}${i > 0 && i % 4 === 0 ? '\r\n\t' : ''}${name}`).join('')
  return `X-Spam-Status: ${spammy.has(seen.action) ? 'Yes' : 'No'}, score=${seen.score.toFixed(2)} required=${seen.required.toFixed(2)}\r\n\taction="${seen.action.replace(/[^a-z ]/g, '')}"${tests === '' ? '' : `\r\n\ttests=${tests}`}\r\n`
}
function virusStatus(seen: NonNullable<Seen['clamd']>): string {
  if (typeof seen === 'string') return `X-Virus-Status: Unknown (${seen})\r\n`
  return `X-Virus-Status: ${seen.found === undefined ? 'Clean' : `Infected (${line(seen.found)})`}\r\n`
}
/** One line of seven bits, for replies and header fields. */
const line = (text: string): string => text.replace(/\s+/g, ' ').replace(/[^\x20-\x7e]/g, '?').slice(0, 400)
