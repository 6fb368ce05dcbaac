// What is worth knowing of a message without opening it: the result of the one pass over its octets. Types only.
//
// "Octet string" here: a JavaScript string with one character (U+0000..U+00FF) per octet (Node's 'latin1'), so that
// 8-bit octets of real mail survive unchanged, and V8 keeps one byte per character.

/** One character per octet. Write it to a socket with encoding 'latin1'. */
export type OctetString = string

/** One node of the MIME tree. Offsets count octets from the message's first octet. */
export interface Part {
  /** Section number as IMAP numbers it (RFC 3501 6.4.5): '' is the message itself, '1', '2.1', ... */
  readonly section: string
  /** First octet of the part's MIME header. For '' that is 0. */
  readonly headerOffset: number
  /** Octets of the header, the empty line included. */
  readonly headerLength: number
  /** First octet of the body. Normally headerOffset + headerLength. */
  readonly bodyOffset: number
  /** Octets of the body as transferred (before decoding); the line end before the next boundary is not part of it. */
  readonly bodyLength: number
  /** Lines of the body: number of LF, plus one for an unfinished last line. */
  readonly lines: number
  /** Lower case, for example 'text/plain'. */
  readonly type: string
  /** Lower case: '7bit', '8bit', 'binary', 'base64', 'quoted-printable', or what stands there. */
  readonly encoding: string
  /** Charset parameter in lower case, or '' when there is none. */
  readonly charset: string
  /** Decoded file name (RFC 2231, RFC 2047), or ''. */
  readonly filename: string
  /** 'attachment', 'inline', another word, or '' when there is no Content-Disposition. Lower case. */
  readonly disposition: string
  /** For message/rfc822 (and message/global): the section of the embedded message's root, whose header and text `HEADER` and `TEXT` mean. */
  readonly embedded?: { readonly headerOffset: number; readonly headerLength: number; readonly bodyOffset: number; readonly bodyLength: number }
}

/** What SORT and THREAD compare (RFC 5256). Decoded, and folded to a collation key by `sort-keys.ts`. */
export interface SortKeys {
  /** Base subject (RFC 5256 2.1), case folded. */
  readonly subject: string
  /** Whether the subject said it is a reply or forward. */
  readonly isReply: boolean
  /** The Date field in milliseconds UTC; null when missing or hopeless (callers then use the internal date). */
  readonly sent: number | null
  /** Local part of the first From address, case folded; '' when none. */
  readonly from: string
  readonly to: string
  readonly cc: string
  /** Display names (RFC 5957), or the addresses, case folded. */
  readonly displayFrom: string
  readonly displayTo: string
  /** Message-ID without angle brackets and comments, or ''. */
  readonly messageId: string
  /** References, else In-Reply-To (first id only), oldest first, without angle brackets (RFC 5256, REFERENCES step 1). */
  readonly references: readonly string[]
}

/** The summary of one message. Everything a header sync needs, already in wire form. */
export interface Summary {
  /** Octets of the whole message. */
  readonly size: number
  /** Octets of the message header with its empty line; equals `size` when there is no empty line. */
  readonly headerSize: number
  /** IMAP ENVELOPE with its parentheses (RFC 3501 7.4.2). May contain literals: 8-bit octets, or a string with CR, LF. */
  readonly envelope: OctetString
  /** IMAP BODY (without extension data), with its parentheses. */
  readonly body: OctetString
  /** IMAP BODYSTRUCTURE (with extension data), with its parentheses. */
  readonly bodyStructure: OctetString
  /** In tree order; the first is section ''. */
  readonly parts: readonly Part[]
  /**
   * The header fields that clients ask for (see `keptFields`), raw, in stored order, each ending in its line end.
   * null when they could not be kept exactly (NUL, or over the limit): then the octets must be opened.
   */
  readonly headers: OctetString | null
  /** At most 200 characters of readable text from the first text part (RFC 8970), '' when there is none. */
  readonly preview: string
  readonly sort: SortKeys
  /** Whether any part looks like an attachment (for rules and clients' paper clips). */
  readonly hasAttachment: boolean
  /** Hex SHA-256 of all octets. */
  readonly digest: string
}

/** Bounds of the pass. Beyond them the tree degrades (the rest becomes part of the enclosing leaf), nothing throws. */
export interface ScanLimits {
  /** Octets of one header block that are looked at; the rest of the block is skipped, not parsed. Default 256 KiB. */
  readonly headerOctets: number
  /** Header fields of one block that are parsed. Default 1,000. */
  readonly headerFields: number
  /** Depth of the MIME tree. Default 50. */
  readonly depth: number
  /** Parts of one message. Default 1,000. */
  readonly parts: number
  /** Addresses of one field that enter ENVELOPE. Default 1,000. */
  readonly addresses: number
  /** Octets of kept headers. Default 32 KiB. */
  readonly keptOctets: number
}

/** The streaming pass: push chunks of any size, then end. Pure: no I/O, memory bounded by the limits. Never throws on content. */
export interface Scanner {
  push(chunk: Uint8Array): void
  end(): Summary
}
