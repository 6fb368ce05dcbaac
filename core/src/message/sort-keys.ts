// What SORT and THREAD compare (RFC 5256, RFC 5957), from one message header. Pure.
import type { HeaderAddress } from './address.js'
import { decodeRaw } from './charset.js'
import { parseDate } from './dates.js'
import { decodeWords } from './encoded-words.js'
import type { AddressLists } from './envelope.js'
import { decodeHeader } from './headers.js'
import type { Fields } from './message-fields.js'
import type { SortKeys } from './summary.js'

/** References kept of one message; threads use the last ones, so the oldest go first. */
const maxReferences = 200
/** Characters of a key; what differs only behind them sorts as equal. */
const keyLength = 500

export function sortKeys(fields: Fields, addresses: AddressLists): SortKeys {
  const subject = baseSubject(decodeHeader(fields.get('subject') ?? ''))
  return {
    subject: foldKey(subject.base),
    isReply: subject.isReply,
    sent: parseDate(fields.get('date') ?? '')?.utc ?? null,
    from: localKey(addresses.from),
    to: localKey(addresses.to),
    cc: localKey(addresses.cc),
    displayFrom: displayKey(addresses.from),
    displayTo: displayKey(addresses.to),
    messageId: messageIds(decodeRaw(fields.get('message-id') ?? ''), 1)[0] ?? '',
    references: references(fields),
  }
}

/** Key of a text whose order is that of i;unicode-casemap (RFC 5051) but for a few letters: decomposed, upper case. */
export function foldKey(text: string): string {
  const cut = text.length > keyLength ? text.slice(0, keyLength) : text
  return /^[\x00-\x7f]*$/.test(cut) ? cut.toUpperCase() : cut.normalize('NFKD').toUpperCase()
}

// RFC 5256 2.2: mailbox of the first address, without host.
function localKey(addresses: readonly HeaderAddress[]): string {
  const first = addresses.find((address) => address.kind === 'mailbox')
  return first ? foldKey(decodeRaw(first.local)) : ''
}

// RFC 5957 3: display name, else group name, else local@domain.
function displayKey(addresses: readonly HeaderAddress[]): string {
  const first = addresses[0]
  if (!first || first.kind === 'end') return ''
  if (first.name !== '') return foldKey(decodeWords(first.name))
  return first.kind === 'mailbox' ? foldKey(decodeRaw(first.domain === '' ? first.local : `${first.local}@${first.domain}`)) : ''
}

// RFC 5256 3, REFERENCES step 1: References where it has a valid id, else the first id of In-Reply-To.
function references(fields: Fields): readonly string[] {
  const ids = messageIds(decodeRaw(fields.get('references') ?? ''), Infinity)
  const all = ids.length > 0 ? ids : messageIds(decodeRaw(fields.get('in-reply-to') ?? ''), 1)
  return all.length > maxReferences ? all.slice(-maxReferences) : all
}

/** The ids of a field, without brackets and without quoting that is not needed. */
export function messageIds(value: string, limit: number): string[] {
  const ids: string[] = []
  let at = 0
  while (ids.length < limit) {
    const open = value.indexOf('<', at)
    if (open < 0) break
    const close = value.indexOf('>', open)
    if (close < 0) break
    // '<' inside: the first bracket was never closed
    const id = value.slice(value.lastIndexOf('<', close) + 1, close).replace(/[\s\0]+/g, '')
    if (id !== '' && id.length <= 998) ids.push(unquote(id))
    at = close + 1
  }
  if (ids.length === 0 && limit === 1 && !value.includes('<')) {
    const bare = /[^\s()]+/.exec(value)?.[0]
    if (bare && bare.includes('@') && bare.length <= 998) ids.push(bare)
  }
  return ids
}

// RFC 5256 3: <"01KF8JCEOCBS0045PS"@xxx.yyy.com> and <01KF8JCEOCBS0045PS@xxx.yyy.com> are the same id.
const unquote = (id: string): string => (id.startsWith('"') ? id.replace(/^"([^]*)"@/, (_, local: string) => `${local.replace(/\\([^])/g, '$1')}@`) : id)

export interface BaseSubject {
  readonly base: string
  readonly isReply: boolean
}

const trailer = /(?:\s|\(fwd\))$/i
const leader = /(?:re|fwd?)[ \t]*(?:\[[^[\]]*\][ \t]*)?:/iy
const blob = /\[[^[\]]*\][ \t]*/y

/** Base subject (RFC 5256 2.1) of a decoded subject, case kept. Works on two ends of one string, so it is linear. */
export function baseSubject(decoded: string): BaseSubject {
  const text = decoded.replace(/\s+/g, ' ') // step 1
  let start = 0
  let end = text.length
  let isReply = false
  for (;;) {
    // step 2: trailers
    for (;;) {
      if (end > start && text[end - 1] === ' ') end--
      else if (end - start >= 5 && trailer.test(text.slice(end - 5, end))) {
        end -= 5
        isReply = true
      } else break
    }
    // steps 3-5: leaders, then blobs that leave something behind them
    for (;;) {
      if (start < end && text[start] === ' ') {
        start++
        continue
      }
      const { last, after } = skipBlobs(text, start, end)
      leader.lastIndex = after
      if (leader.test(text) && leader.lastIndex <= end) {
        start = leader.lastIndex
        isReply = true
        continue
      }
      start = after < end ? after : last
      break
    }
    // step 6: [fwd: ...]
    if (end - start > 6 && text[end - 1] === ']' && text.slice(start, start + 5).toLowerCase() === '[fwd:') {
      start += 5
      end--
      isReply = true
    } else break
  }
  return { base: text.slice(start, end), isReply }
}

/** Behind all blobs at `start`, and where the last of them begins. */
function skipBlobs(text: string, start: number, end: number): { last: number; after: number } {
  let last = start
  let after = start
  for (;;) {
    blob.lastIndex = after
    if (!blob.test(text) || blob.lastIndex > end) return { last, after }
    last = after
    after = blob.lastIndex
  }
}
