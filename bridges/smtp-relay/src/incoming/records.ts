// TXT records as strangers publish them: whoever parses them gets none that is far larger than any that means something.

/** Octets of one record: an RSA key of 4096 bits needs 750, and a TCP answer may have 64 KiB. Parsers take seconds for those. */
const largest = 4096
/** Records of one name. */
const most = 200

/** As `resolve` of node:dns, without TXT records that are too large; a name that has no others has none. */
export const boundedTxt = (resolve: (name: string, type: string) => Promise<unknown>) => async (name: string, type: string): Promise<unknown> => {
  const found = await resolve(name, type)
  if (type !== 'TXT') return found
  const records = (found as readonly (readonly string[])[]).slice(0, most).filter((parts) => parts.reduce((sum, part) => sum + part.length, 0) <= largest)
  if (records.length === 0) throw Object.assign(new Error(`no usable TXT record of ${name}`), { code: 'ENODATA' })
  return records
}
