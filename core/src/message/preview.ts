// A few words of a message for lists of messages (RFC 8970): from the first octets of one text part. Pure; opens nothing.
import { decodeText } from './charset.js'
import { decodeBody } from './decode.js'

/** RFC 8970 3.1 asks for at most 256 characters, 200 being the advice. */
export const previewLength = 200

/** Octets of a text part, as transferred, that are enough for a preview. HTML starts with its style sheets. */
export const previewOctets = (type: string): number => (type === 'text/html' ? 16_384 : 4_096)

/** Whether a part of that type is text for people. */
export const isReadable = (type: string): boolean => type.startsWith('text/') && !unreadable.has(type)
const unreadable = new Set(['text/calendar', 'text/vcard', 'text/x-vcard', 'text/directory', 'text/css', 'text/csv', 'text/javascript', 'text/xml', 'text/rfc822-headers', 'text/x-amp-html'])

/** At most 200 characters of readable text from the first `octets` of a body. */
export function previewText(octets: Uint8Array, type: string, encoding: string, charset: string): string {
  const text = decodeText(whole(decodeBody(octets, encoding), charset), charset)
  const plain = type === 'text/html' || type === 'text/enriched' || type === 'text/richtext' ? textOfHtml(text) : text
  return squeeze(plain)
}

/** The octets end anywhere: a cut UTF-8 character would make valid UTF-8 look like something else. */
function whole(octets: Buffer, charset: string): Buffer {
  if (charset !== '' && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') return octets
  for (let back = 1; back <= 3 && back <= octets.length; back++) {
    const octet = octets[octets.length - back]
    if (octet < 0x80) break
    if (octet >= 0xc0) return back < (octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2) ? octets.subarray(0, octets.length - back) : octets
  }
  return octets
}

/** Characters looked at, at most and at a time: nearly always the first few hundred are enough. */
const lookedAt = 20_000
const step = 600

/** One line: no control characters, no invisible fillers, no runs of blanks or rules. */
function squeeze(text: string): string {
  let line = ''
  for (let at = 0; at < Math.min(text.length, lookedAt) && line.length <= 2 * previewLength; at += step) {
    line = (line + text.slice(at, Math.min(at + step, lookedAt)))
      .replace(/[\x00-\x1f\x7f-\x9f\s\u00ad\u034f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffc]+/g, ' ')
      .replace(/([-=_*#~.])\1{4,}/g, '$1$1$1')
      .trimStart()
  }
  line = line.trimEnd()
  if (line.length <= previewLength) return line
  let end = 0
  let count = 0
  for (const character of line) {
    if (++count > previewLength) break
    end += character.length
  }
  return line.slice(0, end).trimEnd()
}

const silent = new Set(['style', 'script', 'title', 'template', 'noscript', 'svg'])
const entities: ReadonlyMap<string, string> = new Map(Object.entries({
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', ensp: ' ', emsp: ' ', thinsp: ' ', shy: '', zwnj: '', zwj: '', lrm: '', rlm: '',
  hellip: '…', mdash: '—', ndash: '–', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»', bull: '•', middot: '·',
  copy: '©', reg: '®', trade: '™', euro: '€', pound: '£', yen: '¥', cent: '¢', sect: '§', deg: '°', times: '×', frac12: '½', euml: 'ë', iexcl: '¡', iquest: '¿', sbquo: '‚', bdquo: '„', lsaquo: '‹', rsaquo: '›', rarr: '→', larr: '←', check: '✓', szlig: 'ß',
  auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö', Uuml: 'Ü', eacute: 'é', egrave: 'è', ecirc: 'ê', agrave: 'à', aacute: 'á', acirc: 'â',
  ccedil: 'ç', ntilde: 'ñ', oacute: 'ó', ocirc: 'ô', uacute: 'ú', ugrave: 'ù', iacute: 'í', icirc: 'î', iuml: 'ï', aring: 'å', oslash: 'ø', aelig: 'æ',
}))

/** Text of HTML, roughly: tags, comments and silent elements go. Each search goes forward only. */
export function textOfHtml(html: string): string {
  let text = ''
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) {
      text += html.slice(at)
      break
    }
    text += html.slice(at, open)
    if (html.startsWith('<!--', open)) {
      const close = html.indexOf('-->', open + 4)
      if (close < 0) break
      at = close + 3
      continue
    }
    if (!/[a-z/!?]/i.test(html[open + 1] ?? '')) { // 'a < b'
      text += '<'
      at = open + 1
      continue
    }
    const close = html.indexOf('>', open)
    if (close < 0) break
    const name = /^[a-z0-9]*/i.exec(html.slice(open + 1, open + 20))![0].toLowerCase()
    at = close + 1
    if (!/^\/?(a|abbr|b|big|em|font|i|s|small|span|strong|sub|sup|u)$/.test(html[open + 1] === '/' ? /^[a-z0-9]*/i.exec(html.slice(open + 2, open + 20))![0].toLowerCase() : name)) text += ' '
    if (silent.has(name)) {
      const end = endOf(html, name, at)
      if (end < 0) break
      at = end
    }
  }
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));?/gi, (all, decimal?: string, hexadecimal?: string, name?: string) => {
    if (name !== undefined) return entities.get(name) ?? entities.get(name.toLowerCase()) ?? all
    const code = decimal !== undefined ? Number(decimal) : parseInt(hexadecimal!, 16)
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : ' '
  })
}

/** Behind '</name', whatever its case; -1 when it never comes. */
function endOf(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}`, 'gi')
  end.lastIndex = from
  return end.test(html) ? end.lastIndex - name.length - 2 : -1
}
