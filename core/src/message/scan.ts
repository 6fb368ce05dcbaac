// The one pass over a message's octets that gives its summary. Holds one header block, the start of one text part and the
// tree, never a body. Decides only where things begin and end; what they mean is read by the files it calls.
import { createHash } from 'node:crypto'
import { bodyStructure } from './body-structure.js'
import { degrade, emptyContent, readContent, type Content, type Entity } from './entity.js'
import { countAddresses, envelope, readAddresses } from './envelope.js'
import { isKept } from './kept-fields.js'
import { readHeader, type Fields } from './message-fields.js'
import { OctetCollector } from './octet-collector.js'
import { hasAttachment, partTable } from './part-table.js'
import { isReadable, previewOctets, previewText } from './preview.js'
import { sortKeys } from './sort-keys.js'
import type { OctetString, ScanLimits, Scanner, SortKeys, Summary } from './summary.js'

export { isKept, keptFields } from './kept-fields.js'

export const defaultScanLimits: ScanLimits = {
  headerOctets: 256 * 1024,
  headerFields: 1000,
  depth: 50,
  parts: 1000,
  addresses: 1000,
  keptOctets: 32 * 1024,
}

/** The header blocks of all parts together may have this many times `headerOctets`; later ones count as empty. */
const headerBlocks = 4
/** All embedded messages together put this many times `addresses` into their envelopes; later ones are left out. */
const addressLists = 8
/** RFC 2046 5.1.1 allows 70. Longer ones occur; a line that is longer than this is no boundary. */
const longestBoundary = 500
/** A boundary line: two dashes before, two behind, and blanks that some gateway added. */
const longestBoundaryLine = longestBoundary + 500

const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d

/** The streaming pass with these limits, others being `defaultScanLimits`. Chunks may be reused by the caller afterwards. */
export function createScanner(limits: Partial<ScanLimits> = {}): Scanner {
  return new MessageScanner({ ...defaultScanLimits, ...limits })
}

class MessageScanner implements Scanner {
  readonly #limits: ScanLimits
  readonly #hash = createHash('sha256')
  readonly #entities: Entity[] = []
  readonly #root: Entity
  /** Innermost open entity. */
  #top: Entity
  /** Whether #top's header is being read; otherwise its body, preamble or epilogue. */
  #inHeader = true
  /** Open multiparts by boundary; of equal ones the innermost, which hides the others. */
  readonly #boundaries = new Map<string, Entity>()

  /** Octets before the current chunk. */
  #size = 0
  /** Line feeds so far. */
  #lines = 0
  /** The three octets before the current chunk, newest in the lowest byte. */
  #tail = 0

  /** An unfinished line at the end of the last chunk. */
  #midLine = false
  /** Its first octets, when they may turn out to matter. */
  readonly #line = Buffer.allocUnsafe(longestBoundaryLine)
  #lineLength = 0
  #lineMatters = false
  #lineStart: LineStart = { offset: 0, lineEnd: 0, afterEmpty: false, lines: 0 }

  readonly #header = new OctetCollector(8192)
  #headerBudget: number
  #addressBudget: number
  readonly #text = new OctetCollector(4096)
  #textOf: Entity | undefined
  #preview = ''
  #headers: OctetString | null = null
  #sort: SortKeys | undefined

  constructor(limits: ScanLimits) {
    this.#limits = limits
    this.#headerBudget = headerBlocks * limits.headerOctets
    this.#addressBudget = addressLists * limits.addresses
    this.#root = this.#top = this.#open(undefined, 0)
    this.#root.section = ''
    this.#beginHeader(this.#root)
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#hash.update(chunk)
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    if (this.#midLine) at = this.#finishLine(buffer)
    if (!this.#midLine) this.#scanLines(buffer, at)
    const end = this.#size + buffer.length
    if (this.#inHeader) this.#header.take(buffer, this.#size, end)
    else if (this.#textOf) this.#text.take(buffer, this.#size, end)
    for (let i = Math.max(0, buffer.length - 3); i < buffer.length; i++) this.#tail = ((this.#tail << 8) | buffer[i]) & 0xffffff
    this.#size = end
  }

  end(): Summary {
    if (this.#midLine && this.#lineMatters) this.#boundaryLine(this.#line, 0, this.#lineLength, this.#lineStart, this.#size, nothing)
    const unfinished = this.#size > 0 && (this.#tail & 0xff) !== LF
    this.#closeDownTo(undefined, this.#size, this.#lines + (unfinished ? 1 : 0), nothing)
    const root = this.#root
    return {
      size: this.#size,
      headerSize: root.headerLength,
      envelope: root.envelope!,
      body: bodyStructure(root, false),
      bodyStructure: bodyStructure(root, true),
      parts: partTable(this.#entities),
      headers: this.#headers,
      preview: this.#preview,
      sort: this.#sort!,
      hasAttachment: hasAttachment(root),
      digest: this.#hash.digest('hex'),
    }
  }

  /** The rest of a line that began in an earlier chunk. Returns where the next line begins. */
  #finishLine(chunk: Buffer): number {
    const lf = chunk.indexOf(LF)
    const end = lf < 0 ? chunk.length : lf + 1
    if (this.#lineMatters) this.#keepLine(chunk, 0, end)
    if (lf < 0) return end
    this.#midLine = false
    this.#lines++
    if (!this.#lineMatters) return end
    const length = this.#lineLength
    const next = this.#size + end
    if (this.#inHeader && (length === 1 || (length === 2 && this.#line[0] === CR))) this.#endHeader(next, next, chunk)
    else if (this.#line[0] === DASH) this.#boundaryLine(this.#line, 0, length, this.#lineStart, next, chunk)
    return end
  }

  #keepLine(chunk: Buffer, from: number, to: number): void {
    const room = longestBoundaryLine - this.#lineLength
    // One octet too many is enough to know that it is neither empty nor a boundary.
    const end = Math.min(to, from + room)
    this.#line.set(chunk.subarray(from, end), this.#lineLength)
    this.#lineLength += end - from
  }

  #scanLines(chunk: Buffer, from: number): void {
    const size = chunk.length
    let at = from
    while (at < size) {
      if (this.#inHeader) at = this.#headerLines(chunk, at)
      else if (this.#boundaries.size > 0) at = this.#bodyLines(chunk, at)
      else at = this.#freeLines(chunk, at)
      if (at < 0) return
    }
  }

  /** Lines of a header, up to where something changes. Returns the next line's start, or -1 at the end of the chunk. */
  #headerLines(chunk: Buffer, from: number): number {
    const boundaries = this.#boundaries.size > 0
    let at = from
    for (;;) {
      const lf = chunk.indexOf(LF, at)
      if (lf < 0) return this.#keepUnfinished(chunk, at, true)
      this.#lines++
      const first = chunk[at]
      if (first === LF || (first === CR && lf === at + 1)) {
        this.#endHeader(this.#size + lf + 1, this.#size + lf + 1, chunk)
        return lf + 1
      }
      if (boundaries && first === DASH && chunk[at + 1] === DASH) {
        if (this.#boundaryLine(chunk, at, lf + 1, this.#startOf(chunk, at, this.#lines - 1), this.#size + lf + 1, chunk)) return lf + 1
      }
      at = lf + 1
      if (at === chunk.length) return -1
    }
  }

  /** Lines of a body in which boundaries may come. */
  #bodyLines(chunk: Buffer, from: number): number {
    const size = chunk.length
    let at = from
    let lines = this.#lines
    for (;;) {
      const lf = chunk.indexOf(LF, at)
      if (lf < 0) {
        this.#lines = lines
        return this.#keepUnfinished(chunk, at, chunk[at] === DASH && (at + 1 === size || chunk[at + 1] === DASH))
      }
      lines++
      if (chunk[at] === DASH && chunk[at + 1] === DASH) {
        this.#lines = lines
        if (this.#boundaryLine(chunk, at, lf + 1, this.#startOf(chunk, at, lines - 1), this.#size + lf + 1, chunk)) return lf + 1
      }
      at = lf + 1
      if (at === size) {
        this.#lines = lines
        return -1
      }
    }
  }

  /** A body that nothing but the message's end can end: lines are counted, no more. */
  #freeLines(chunk: Buffer, from: number): number {
    let lines = this.#lines
    let lf = chunk.indexOf(LF, from)
    while (lf >= 0) {
      lines++
      lf = chunk.indexOf(LF, lf + 1)
    }
    this.#lines = lines
    this.#midLine = chunk[chunk.length - 1] !== LF
    this.#lineMatters = false
    return -1
  }

  #keepUnfinished(chunk: Buffer, at: number, matters: boolean): -1 {
    this.#midLine = true
    this.#lineMatters = matters
    this.#lineLength = 0
    if (matters) {
      this.#lineStart = this.#startOf(chunk, at, this.#lines)
      this.#keepLine(chunk, at, chunk.length)
    }
    return -1
  }

  /** What must be known of a line's start if the line turns out to be a boundary. */
  #startOf(chunk: Buffer, at: number, lines: number): LineStart {
    const offset = this.#size + at
    const lineEnd = offset === 0 ? 0 : this.#before(chunk, at, 2) === CR ? 2 : 1
    return { offset, lineEnd, afterEmpty: offset > lineEnd && this.#before(chunk, at, lineEnd + 1) === LF, lines }
  }

  /** The octet `back` octets before `at`. */
  #before(chunk: Buffer, at: number, back: number): number {
    return at >= back ? chunk[at - back] : (this.#tail >> (8 * (back - at - 1))) & 0xff
  }

  /** Takes line [from, to) of `buffer` as a boundary if it is one. `next`: offset behind it. `chunk`: where collectors read on. */
  #boundaryLine(buffer: Buffer, from: number, to: number, start: LineStart, next: number, chunk: Buffer): boolean {
    const length = to - from
    if (length < 3 || length >= longestBoundaryLine || buffer[from] !== DASH || buffer[from + 1] !== DASH) return false
    let end = to
    while (end > from + 2 && isBlank(buffer[end - 1])) end--
    const text = buffer.toString('latin1', from + 2, end)
    // RFC 2046 5.1.1; the whole line must match, or text that begins like a boundary would end a part.
    let multipart = this.#boundaries.get(text)
    let last = false
    if (text.endsWith('--')) {
      const closed = this.#boundaries.get(text.slice(0, -2))
      if (closed && (!multipart || closed.depth > multipart.depth)) {
        multipart = closed
        last = true
      }
    }
    if (!multipart) return false
    this.#closeAtBoundary(multipart, start, chunk)
    if (last) {
      this.#forget(multipart)
      this.#inHeader = false
      return true
    }
    if (this.#textOf === multipart) this.#textOf = undefined // it has parts, so its preamble is no text
    const child = this.#open(multipart, next)
    child.section = multipart.prefix + multipart.children.length
    child.prefix = `${child.section}.`
    this.#beginHeader(child)
    // The table is full: whatever comes belongs to this last part.
    if (this.#entities.length >= this.#limits.parts) this.#forgetAll()
    return true
  }

  #closeAtBoundary(multipart: Entity, start: LineStart, chunk: Buffer): void {
    const top = this.#top
    // The line end before a boundary is the boundary's (RFC 2046 5.1.1), except where it already ended a header.
    const contentStart = this.#inHeader ? top.headerOffset : top.bodyOffset
    const isWhole = contentStart === start.offset
    const end = isWhole ? start.offset : start.offset - start.lineEnd
    const lines = start.afterEmpty && !isWhole ? start.lines - 1 : start.lines
    this.#closeDownTo(multipart, end, lines, chunk)
  }

  /** Closes all that is open inside `outer`. `lines`: lines of the message before `end`, an unfinished one included. */
  #closeDownTo(outer: Entity | undefined, end: number, lines: number, chunk: Buffer): void {
    // A header that is cut here may be that of a message, whose own header then is cut here too.
    while (this.#inHeader && this.#top !== outer) this.#endHeader(end, end, chunk, lines)
    for (let entity: Entity | undefined = this.#top; entity && entity !== outer; entity = entity.parent) {
      if (entity.shape === 'multipart') this.#forget(entity)
      if (entity.shape === 'multipart' && entity.children.length === 0) {
        entity.shape = 'leaf'
        entity.content = degrade(entity.content)
        entity.section ??= `${entity.prefix}1`
      }
      entity.bodyLength = Math.max(0, end - entity.bodyOffset)
      entity.lines = entity.bodyLength === 0 ? 0 : Math.max(1, lines - entity.linesBefore)
      if (entity === this.#textOf) this.#finishText(end, chunk)
      if (entity.parent) this.#top = entity.parent
    }
  }

  #open(parent: Entity | undefined, offset: number): Entity {
    const entity: Entity = {
      section: undefined, prefix: '', parent, depth: parent ? parent.depth + 1 : 1, headerOffset: offset, headerLength: 0, bodyOffset: offset,
      bodyLength: 0, lines: 0, linesBefore: 0, shape: 'leaf', boundary: undefined, shadowed: undefined, children: [], content: emptyContent, envelope: undefined,
    }
    parent?.children.push(entity)
    this.#entities.push(entity)
    return entity
  }

  #beginHeader(entity: Entity): void {
    this.#top = entity
    this.#inHeader = true
    this.#header.begin(entity.headerOffset, Math.min(this.#limits.headerOctets, this.#headerBudget))
  }

  /** The header of #top ends before octet `end`; its body begins at `bodyOffset`. */
  #endHeader(end: number, bodyOffset: number, chunk: Buffer, lines = this.#lines): void {
    const entity = this.#top
    this.#header.take(chunk, this.#size, end)
    const octets = this.#header.octets(end)
    entity.headerLength = end - entity.headerOffset
    entity.bodyOffset = bodyOffset
    entity.linesBefore = lines
    this.#inHeader = false
    this.#headerBudget -= octets.length
    const block = octets.toString('latin1')
    const isMessage = entity.parent === undefined || entity.parent.shape === 'message'
    const { fields, kept } = readHeader(block, this.#limits.headerFields, entity === this.#root ? isKept : undefined)
    if (isMessage) this.#readMessage(entity, fields)
    if (entity === this.#root) this.#headers = kept !== null && octets.length === entity.headerLength && kept.length <= this.#limits.keptOctets && !kept.includes('\0') ? kept : null
    entity.content = readContent(fields, entity.parent?.content.type === 'multipart/digest' && entity.parent.shape === 'multipart')
    this.#openBody(entity)
  }

  #readMessage(entity: Entity, fields: Fields): void {
    const addresses = readAddresses(fields, entity === this.#root ? this.#limits.addresses : Math.min(this.#limits.addresses, this.#addressBudget))
    if (entity !== this.#root) this.#addressBudget -= countAddresses(addresses)
    entity.envelope = envelope(fields, addresses)
    if (entity === this.#root) this.#sort = sortKeys(fields, addresses)
  }

  #openBody(entity: Entity): void {
    const content = entity.content
    const isMultipart = content.type.startsWith('multipart/')
    const isMessage = content.type === 'message/rfc822' || content.type === 'message/global'
    const mayOpen = entity.depth < this.#limits.depth && this.#entities.length < this.#limits.parts
    const boundary = isMultipart ? boundaryOf(content) : undefined
    if (isMultipart && boundary !== undefined && mayOpen) {
      entity.shape = 'multipart'
      entity.boundary = boundary
      entity.shadowed = this.#boundaries.get(boundary)
      this.#boundaries.set(boundary, entity)
    } else if (isMessage && mayOpen && isIdentity(content.encoding)) {
      entity.shape = 'message'
    } else if (isMultipart || isMessage) entity.content = degrade(content)
    // The numbers of what is inside (RFC 3501 6.4.5): an embedded multipart shares its message's number, and a message
    // that is no multipart has its body as part 1.
    if (entity.section === undefined && entity.shape !== 'multipart') entity.section = `${entity.prefix}1`
    if (entity.shape === 'message') {
      const child = this.#open(entity, entity.bodyOffset)
      child.prefix = entity.section === '' ? '1.' : `${entity.section}.`
      this.#beginHeader(child)
    } else if (this.#preview === '' && !this.#textOf && (isMultipart || isReadable(entity.content.type)) && content.disposition?.value !== 'attachment') {
      // A multipart is text if no boundary ever comes.
      this.#textOf = entity
      this.#text.begin(entity.bodyOffset, previewOctets(entity.content.type))
    }
  }

  #finishText(end: number, chunk: Buffer): void {
    this.#text.take(chunk, this.#size, end)
    const { type, encoding, charset } = this.#textOf!.content
    this.#textOf = undefined
    this.#preview = previewText(this.#text.octets(end), type, encoding, charset)
  }

  /** The multipart's boundary is no longer looked for; one that it hid is again. */
  #forget(multipart: Entity): void {
    const { boundary, shadowed } = multipart
    if (boundary === undefined) return
    multipart.boundary = undefined
    if (this.#boundaries.get(boundary) !== multipart) return
    if (shadowed?.boundary === boundary) this.#boundaries.set(boundary, shadowed)
    else this.#boundaries.delete(boundary)
  }

  #forgetAll(): void {
    for (const multipart of this.#boundaries.values()) multipart.boundary = undefined
    this.#boundaries.clear()
  }
}

interface LineStart {
  readonly offset: number
  /** Octets of the line end before it: 0 at the message's start, 1 or 2. */
  readonly lineEnd: number
  /** Whether the line before it is empty. */
  readonly afterEmpty: boolean
  /** Line feeds before it. */
  readonly lines: number
}

const nothing = Buffer.alloc(0)

const isBlank = (octet: number): boolean => octet === LF || octet === CR || octet === 0x20 || octet === 0x09

/** A boundary never ends in a blank (RFC 2046 5.1.1). */
function boundaryOf(content: Content): string | undefined {
  const boundary = content.params.get('boundary')?.trimEnd()
  return boundary && boundary.length <= longestBoundary ? boundary : undefined
}

/** RFC 2046 5.2.1: nothing else may encode a message. Words that are no known encoding change nothing. */
const isIdentity = (encoding: string): boolean => encoding !== 'base64' && encoding !== 'quoted-printable' && !encoding.includes('uu')
