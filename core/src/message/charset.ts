// Octets of some charset into a JavaScript string, and an octet string back into octets. Never throws: an unknown or
// lying charset name is guessed. Not a MIME decoder (decode.ts) and not for header syntax (encoded-words.ts).
import { isAscii, isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'
import type { OctetString } from './summary.js'

export const toOctets = (text: OctetString): Buffer => Buffer.from(text, 'latin1')

/** Names of real mail that neither iconv-lite nor the Encoding Standard knows. */
const aliases: ReadonlyMap<string, string> = new Map(Object.entries({
  'utf8': 'utf-8',
  'unicode-1-1-utf-8': 'utf-8',
  'unicode-1-1-utf-7': 'utf-7',
  'x-unicode-2-0-utf-7': 'utf-7',
  'iso-8859-1': 'windows-1252', // real mail puts quotation marks at 0x91-0x94 and calls it Latin 1
  'iso8859-1': 'windows-1252',
  'iso_8859-1': 'windows-1252',
  'latin1': 'windows-1252',
  'latin-1': 'windows-1252',
  'iso-8859-8-i': 'iso-8859-8',
  'iso-8859-8-e': 'iso-8859-8',
  'x-sjis': 'shift_jis',
  'x-gbk': 'gbk',
  'x-euc-jp': 'euc-jp',
  'windows-31j': 'cp932',
  'x-mac-roman': 'macroman',
  'macintosh': 'macroman',
  'ks_c_5601-1987': 'cp949',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-3': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  'cp50220': 'iso-2022-jp',
  'cp50221': 'iso-2022-jp',
}))
/** Names that say nothing: the octets decide. */
const sayNothing = new Set(['', 'us-ascii', 'ascii', 'ansi_x3.4-1968', '7bit', '8bit', 'unknown', 'unknown-8bit', 'x-unknown', 'default', 'x-user-defined', '_autodetect', 'binary', 'none'])

type Codec = { kind: 'guess' } | { kind: 'utf-8' } | { kind: 'standard'; name: string } | { kind: 'iconv'; name: string }
const guess: Codec = { kind: 'guess' }
const codecs = new Map<string, Codec>()

function codecOf(charset: string): Codec {
  const known = codecs.get(charset)
  if (known) return known
  const codec = findCodec(charset)
  // Names come from strangers: the cache must not grow with them.
  if (codecs.size < 500 && charset.length < 60) codecs.set(charset, codec)
  return codec
}

function findCodec(charset: string): Codec {
  const trimmed = charset.slice(0, 100).trim().replace(/^["']+|["']+$/g, '').toLowerCase()
  if (sayNothing.has(trimmed)) return guess
  const name = aliases.get(trimmed) ?? trimmed
  if (name === 'utf-8') return { kind: 'utf-8' }
  if (name.startsWith('iso-2022-') || name === 'hz-gb-2312') { // not in iconv-lite
    try {
      return { kind: 'standard', name: new TextDecoder(name).encoding }
    } catch {
      return guess
    }
  }
  // 'base64' and 'hex' are encodings to iconv-lite, not charsets.
  if (/^(base64|hex|utf8base64)/.test(name.replace(/[^a-z0-9]/g, ''))) return guess
  return iconv.encodingExists(name) ? { kind: 'iconv', name } : guess
}

/** Whether the name is one that `decodeText` really knows. SEARCH CHARSET asks; `''` and us-ascii count as known. */
export function isKnownCharset(charset: string): boolean {
  const name = charset.trim().toLowerCase()
  return name === 'us-ascii' || name === 'ascii' || codecOf(name).kind !== 'guess'
}

/** Text of `octets`. Undeclared or unknown charsets are taken as UTF-8 where valid, else as windows-1252. */
export function decodeText(octets: Uint8Array, charset = ''): string {
  const buffer = Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  const codec = codecOf(charset)
  try {
    switch (codec.kind) {
      case 'guess':
        if (isAscii(buffer)) return buffer.toString('latin1')
        return isUtf8(buffer) ? buffer.toString('utf8') : iconv.decode(buffer, 'windows-1252')
      case 'utf-8':
        return stripBom(buffer.toString('utf8'))
      case 'standard':
        return new TextDecoder(codec.name).decode(buffer)
      case 'iconv':
        return iconv.decode(buffer, codec.name)
    }
  } catch {
    return buffer.toString('latin1') // a codec that throws on content: better some text than none
  }
}

const stripBom = (text: string): string => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)

/** Text of raw header octets: nothing is declared there, so UTF-8 where valid (RFC 6532), else windows-1252. */
export function decodeRaw(text: OctetString): string {
  return /[\x80-\xff]/.test(text) ? decodeText(toOctets(text)) : text
}

export interface TextDecoding {
  write(octets: Uint8Array): string
  end(): string
}

/** The same for a stream of octets; a character may be cut by a chunk's end. */
export function createTextDecoder(charset = ''): TextDecoding {
  const codec = codecOf(charset)
  if (codec.kind === 'iconv') {
    const decoder = iconv.getDecoder(codec.name)
    return { write: (octets) => decoder.write(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)), end: () => decoder.end() ?? '' }
  }
  if (codec.kind !== 'guess') {
    const decoder = new TextDecoder(codec.kind === 'utf-8' ? 'utf-8' : codec.name)
    return { write: (octets) => decoder.decode(octets, { stream: true }), end: () => decoder.decode() }
  }
  let chosen: TextDecoding | undefined
  return {
    write(octets) {
      if (chosen) return chosen.write(octets)
      if (isAscii(octets)) return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1')
      // The first 8-bit octets decide. Up to three octets at the end may be a cut character.
      const valid = [0, 1, 2, 3].some((cut) => octets.length > cut && isUtf8(octets.subarray(0, octets.length - cut)) && !isAscii(octets.subarray(0, octets.length - cut)))
      chosen = createTextDecoder(valid || octets.length < 4 ? 'utf-8' : 'windows-1252')
      return chosen.write(octets)
    },
    end: () => chosen?.end() ?? '',
  }
}
