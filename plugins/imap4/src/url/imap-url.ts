// IMAP URLs of message texts (RFC 5092, RFC 4467): `imap://user@host/INBOX;UIDVALIDITY=1/;UID=20/;SECTION=1.2/;PARTIAL=0.100`, whole
// or relative. Pure; bounded by the length of what it is given.
import { BadCommand, Reader } from '../wire/reader.js'
import { sectionOf, type Section } from '../grammar/fetch-items.js'
import { utf8 } from '../wire/reader.js'

export interface ImapUrl {
  /** Undefined in a relative URL. */
  readonly server: { readonly user: string | undefined; readonly host: string; readonly port: number } | undefined
  /** Undefined: the selected mailbox. */
  readonly mailbox: string | undefined
  readonly uidValidity: number | undefined
  readonly uid: number
  /** What of the message, as FETCH calls it. */
  readonly section: Section
  readonly auth: UrlAuth | undefined
}
/** `;EXPIRE=…;URLAUTH=user+fred:internal:91354a473744909de610943775f92038` */
export interface UrlAuth {
  /** Milliseconds UTC; undefined for ever. */
  readonly expires: number | undefined
  /** `anonymous`, `authuser`, `user+fred`, `submit+fred`. */
  readonly access: string
  readonly mechanism: string | undefined
  /** Hexadecimal. */
  readonly token: string | undefined
  /** The URL up to the access identifier: what the token is about. */
  readonly rump: string
}

const longest = 4000

/** Undefined for what is no URL of a message. */
export function parseImapUrl(text: string): ImapUrl | undefined {
  if (text.length > longest || /[^\x21-\x7e]/.test(text)) return undefined
  const split = /^(.*?)(?:;EXPIRE=([^;]+))?;URLAUTH=([^:]+)(?::([^:]+):([0-9a-f]+))?$/i.exec(text)
  const [, path, expire, access, mechanism, token] = split ?? [text, text]
  const auth = split ? urlAuth(text, expire, access, mechanism, token) : undefined
  if (split && !auth) return undefined
  const whole = /^imap:\/\/(?:([^/;]*)(?:;AUTH=[^@/]*)?@)?([^/:@]+)(?::(\d{1,5}))?(\/.*)$/i.exec(path)
  const local = whole ? whole[4] : path
  const found = /^(?:\/?([^;]+?)(?:;UIDVALIDITY=(\d{1,10}))?)?\/?;UID=(\d{1,10})(?:\/?;SECTION=([^;]*?))?(?:\/?;PARTIAL=(\d{1,10})(?:\.(\d{1,10}))?)?$/i.exec(local)
  if (!found) return undefined
  const [, box, validity, uid, sectionText, from, length] = found
  const mailbox = box === undefined ? undefined : decodePercent(box.replace(/\/$/, ''))
  const section = sectionFrom(sectionText, from, length)
  const user = whole?.[1] ? decodePercent(whole[1]) : undefined
  if ((box !== undefined && !mailbox) || !section || (whole?.[1] && user === undefined) || Number(uid) === 0) return undefined
  return {
    server: whole ? { user, host: whole[2].toLowerCase(), port: Number(whole[3] ?? 143) } : undefined,
    mailbox, uidValidity: validity === undefined ? undefined : Number(validity), uid: Number(uid), section, auth,
  }
}

function urlAuth(text: string, expire: string | undefined, access: string, mechanism: string | undefined, token: string | undefined): UrlAuth | undefined {
  const form = /^(anonymous|authuser|(?:user|submit)\+[^;:/]+)$/i
  const expires = expire === undefined ? undefined : Date.parse(expire)
  if (!form.test(access) || (expires !== undefined && Number.isNaN(expires))) return undefined
  const plus = access.indexOf('+')
  const named = plus < 0 ? access.toLowerCase() : `${access.slice(0, plus).toLowerCase()}+${decodePercent(access.slice(plus + 1)) ?? ''}`
  const rump = text.slice(0, text.toUpperCase().lastIndexOf(';URLAUTH=') + ';URLAUTH='.length + access.length)
  return { expires, access: named, mechanism: mechanism?.toUpperCase(), token: token?.toLowerCase(), rump }
}

/** The section of a URL, percent-decoded, as FETCH's grammar reads it. */
function sectionFrom(text: string | undefined, from: string | undefined, length: string | undefined): Section | undefined {
  const plain = text === undefined ? '' : decodePercent(text)
  if (plain === undefined || /[^\x20-\x7e]/.test(plain)) return undefined
  try {
    const section = sectionOf(new Reader([`[${plain}]`]))
    return from === undefined ? section : { ...section, partial: { from: Number(from), length: length === undefined ? 0xffff_ffff : Number(length) } }
  } catch (error) {
    if (error instanceof BadCommand) return undefined
    throw error
  }
}

/** Undefined for what is no UTF-8. */
function decodePercent(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined
  return utf8(text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))))
}
