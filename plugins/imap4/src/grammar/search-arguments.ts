// A charset, and keys whose texts are in it: what SEARCH, SORT and THREAD have in common. Pure.
import { decodeText, isKnownCharset } from '@restante/core'
import { BadCommand, utf8, type Reader } from '../wire/reader.js'
import { searchKeys, type SearchKey } from './search-keys.js'

export interface SearchArguments {
  readonly key: SearchKey
  /** Nobody knows it: NO, but only when the command runs. */
  readonly badCharset: boolean
}

/** @param charset whether the name of a charset comes first */
export function searchArguments(r: Reader, charset: boolean): SearchArguments {
  const name = charset ? r.astring('a charset') : 'UTF-8'
  if (charset) r.sp()
  const badCharset = !isKnownCharset(name)
  return { key: searchKeys(r, badCharset ? (octets) => octets : decoder(name)), badCharset }
}

/** Without CHARSET clients send US-ASCII, or UTF-8 all the same. */
const decoder = (charset: string) => (octets: string): string => {
   
  if (/^[\x00-\x7f]*$/.test(octets) && !/^(utf-?(7|16|32)|iso-2022|hz)/i.test(charset)) return octets
  if (!/^utf-?8$/i.test(charset)) return decodeText(Buffer.from(octets, 'latin1'), charset)
  const text = utf8(octets)
  if (text === undefined) throw new BadCommand('Not UTF-8')
  return text
}
