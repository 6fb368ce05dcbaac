// What must hold of every message: the corpus, random MIME trees, and rubbish.
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { corpus } from '../../../test/fixtures/mime/corpus.js'
import { readBody, readData, readEnvelope, type BodyData } from '../../../test/fixtures/mime/read-imap.js'
import { selectFields } from './headers.js'
import { createScanner, isKept, keptFields } from './scan.js'
import { findPart, findSection } from './section.js'
import type { Part, Summary } from './summary.js'
import { decodeParts, decodeSortKeys, encodeParts, encodeSortKeys } from './summary-codec.js'

function scan(octets: Uint8Array, cuts: readonly number[] = []): Summary {
  const scanner = createScanner()
  const reused = Buffer.alloc(octets.length)
  let at = 0
  for (const cut of [...cuts, octets.length]) {
    const end = Math.min(octets.length, Math.max(at, cut))
    // One buffer for all chunks: the scan must not hold on to what it was given.
    reused.set(octets.subarray(at, end))
    scanner.push(reused.subarray(0, end - at))
    reused.fill(0x2d)
    at = end
  }
  return scanner.end()
}
const countLines = (octets: Uint8Array): number => octets.reduce((n, octet) => n + (octet === 10 ? 1 : 0), 0) + (octets.length > 0 && octets.at(-1) !== 10 ? 1 : 0)

/** Everything that must hold, whatever the octets. */
function check(octets: Buffer, summary: Summary): void {
  const { parts, size } = summary
  expect(size).toBe(octets.length)
  expect(summary.digest).toBe(createHash('sha256').update(octets).digest('hex'))
  const root = parts[0]
  expect(root).toMatchObject({ section: '', headerOffset: 0, headerLength: summary.headerSize })
  expect(root.bodyOffset + root.bodyLength).toBe(size)
  for (const part of parts) {
    checkRange(octets, part)
    const parent = parentOf(parts, part)
    if (!parent) continue
    expect(part.headerOffset).toBeGreaterThanOrEqual(parent.bodyOffset)
    expect(part.bodyOffset + part.bodyLength).toBeLessThanOrEqual(parent.bodyOffset + parent.bodyLength)
    if (part.embedded) {
      expect(part.embedded.headerOffset).toBe(part.bodyOffset)
      expect(part.embedded.bodyOffset + part.embedded.bodyLength).toBe(part.bodyOffset + part.bodyLength)
    }
  }
  // Siblings come one after the other, and a boundary line stands between them.
  for (const part of parts) {
    const before = siblingBefore(parts, part)
    if (!before) continue
    expect(octets.toString('latin1', before.bodyOffset + before.bodyLength, part.headerOffset)).toMatch(/^\r?\n?--[^\n]+\n?$/)
  }
  const envelope = readEnvelope(readData(summary.envelope))
  expect(envelope.from.length).toBeLessThanOrEqual(1001)
  checkBody(parts, readBody(readData(summary.bodyStructure), true), '')
  readBody(readData(summary.body), false)
  expect(summary.preview.length).toBeLessThanOrEqual(400)
  expect(decodeParts(encodeParts(parts))).toEqual(parts)
  expect(decodeSortKeys(encodeSortKeys(summary.sort))).toEqual(summary.sort)
  const header = octets.subarray(0, summary.headerSize)
  if (summary.headers !== null) {
    const names = [...keptFields, 'list-id', 'list-post', 'list-unsubscribe', 'list-help', 'list-archive']
    expect(selectFields(summary.headers, new Set(names))).toBe(selectFields(header, new Set(names)))
    expect(selectFields(header, new Set(names.filter(isKept)), true)).not.toMatch(/(^|\n)(subject|from|to) *:/i)
  }
}

function checkRange(octets: Buffer, part: Part): void {
  expect(part.headerOffset).toBeGreaterThanOrEqual(0)
  expect(part.bodyOffset).toBe(part.headerOffset + part.headerLength)
  expect(part.bodyOffset + part.bodyLength).toBeLessThanOrEqual(octets.length)
  const body = octets.subarray(part.bodyOffset, part.bodyOffset + part.bodyLength)
  expect(part.lines).toBe(countLines(body))
  const header = octets.toString('latin1', part.headerOffset, part.bodyOffset)
  // The first empty line ends it, and nothing else but a boundary or the end does.
  expect(/^\r?\n|\n\r?\n/.exec(header)?.index ?? -1).toBe(/(^|\n)\r?\n$/.test(header) ? header.length - /(^|\n)(\r?\n)$/.exec(header)![0].length : -1)
}

const parentNumber = (section: string): string => section.slice(0, Math.max(0, section.lastIndexOf('.')))
const parentOf = (parts: readonly Part[], part: Part): Part | undefined => (part.section === '' ? undefined : findPart(parts, parentNumber(part.section)))
function siblingBefore(parts: readonly Part[], part: Part): Part | undefined {
  const number = Number(part.section.slice(part.section.lastIndexOf('.') + 1))
  return number > 1 ? parts.find((other) => other.section === part.section.replace(/\d+$/, String(number - 1))) : undefined
}

/** BODYSTRUCTURE and part table tell the same. */
function checkBody(parts: readonly Part[], body: BodyData, section: string): void {
  const part = findPart(parts, section)
  const range = findSection(parts, section === '' ? 'TEXT' : section)
  expect(range).toBeDefined()
  if (!part || (part.type.startsWith('message/') && body.type.startsWith('multipart/'))) throw new Error(`no part ${section}`)
  expect(body.type).toBe(part.type)
  if (!body.type.startsWith('multipart/')) expect(body.octets).toBe(part.bodyLength)
  if (body.lines !== undefined) expect(body.lines).toBe(part.lines)
  if (body.envelope) {
    const number = section === '' ? '1' : section
    const embedded = body.children[0]
    expect(findSection(parts, `${number}.HEADER`)?.from).toBe(part.bodyOffset)
    expect(findSection(parts, `${number}.TEXT`)).toBeDefined()
    if (embedded.type.startsWith('multipart/')) embedded.children.forEach((child, i) => checkBody(parts, child, `${number}.${i + 1}`))
    else checkBody(parts, embedded, `${number}.1`)
  } else body.children.forEach((child, i) => checkBody(parts, child, section === '' ? String(i + 1) : `${section}.${i + 1}`))
}

describe('the corpus', () => {
  test.each([...corpus.keys()])('%s', (name) => {
    const octets = corpus.get(name)!
    const whole = scan(octets)
    check(octets, whole)
    for (const size of [1, 2, 3, 7, 61, 1000]) {
      expect(scan(octets, Array.from({ length: Math.floor(octets.length / size) }, (_, i) => (i + 1) * size))).toEqual(whole)
    }
  })
  test('cut at any octet of a few', () => {
    for (const name of ['list-mailman-digest-mime', 'dsn-nested-bounce', 'rfc822-empty', 'mixed-line-ends', 'boundary-dashes', 'parts-empty']) {
      const octets = corpus.get(name)!
      for (let end = 0; end < octets.length; end += 3) check(octets.subarray(0, end), scan(octets.subarray(0, end)))
    }
  })
})

/** A tree, and the octets that it is written in. `at` is filled in while writing. */
interface Tree {
  header: string
  kind: 'text' | 'multipart' | 'message'
  text: string
  children: Tree[]
  boundary: string
  closed: boolean
  preamble: string
  epilogue: string
}
const eol = fc.constantFrom('\r\n', '\n')
const textLine = fc.oneof(fc.constantFrom('', 'word', '--', '--b', '-- ', '---', '--b1x', '-', 'From x', 'a: b', '\xe4\xff', '\0', '\r', '--b12-', '.'), fc.string({ maxLength: 20 }).map((s) => s.replace(/[^\x20-\x7e]/g, '?').replace(/^--b\d/, 'xx')))
const text = fc.tuple(fc.array(fc.tuple(textLine, eol), { maxLength: 5 }), textLine).map(([lines, last]) => lines.map((line) => line.join('')).join('') + last)

const { tree } = fc.letrec<{ tree: Tree; leaf: Tree; multipart: Tree; message: Tree }>((tie) => ({
  leaf: fc.record({ text, type: fc.constantFrom('', 'Content-Type: text/html', 'Content-Type: image/png; name=x', 'Content-Type: text/plain; charset=utf-8') }).map(({ text, type }): Tree => ({ header: type, kind: 'text', text, children: [], boundary: '', closed: true, preamble: '', epilogue: '' })),
  multipart: fc.record({ children: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }), closed: fc.boolean(), preamble: text, epilogue: text, subtype: fc.constantFrom('mixed', 'alternative', 'related') })
    .map(({ children, closed, preamble, epilogue, subtype }): Tree => ({ header: `Content-Type: multipart/${subtype}`, kind: 'multipart', text: '', children, boundary: '', closed, preamble, epilogue })),
  message: fc.record({ child: tie('tree') }).map(({ child }): Tree => ({ header: 'Content-Type: message/rfc822', kind: 'message', text: '', children: [child], boundary: '', closed: true, preamble: '', epilogue: '' })),
  tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, { arbitrary: tie('leaf'), weight: 3 }, { arbitrary: tie('multipart'), weight: 3 }, { arbitrary: tie('message'), weight: 1 }),
}))

describe('random trees', () => {
  test('every range is the octets that were written', () => {
    fc.assert(fc.property(tree, fc.array(fc.nat(2000), { maxLength: 8 }), eol, (root, cuts, lineEnd) => {
      let boundaries = 0
      const expected = new Map<string, { header: string; body: string; type: string }>()
      /** Octets of an entity; `number` is its section, undefined for an embedded multipart root. */
      function write(node: Tree, prefix: string, number: string | undefined): string {
        const name = node.kind === 'multipart' ? `b${boundaries++}` : ''
        const header = (node.header === '' ? '' : node.header + (name && `; boundary=${name}`) + lineEnd) + lineEnd
        const own = number ?? (node.kind === 'multipart' ? undefined : `${prefix}1`)
        let body: string
        if (node.kind === 'text') body = node.text
        else if (node.kind === 'message') body = write(node.children[0], own === '' ? '1.' : `${own}.`, undefined)
        else {
          const within = number === '' ? '' : number === undefined ? prefix : `${number}.`
          body = node.preamble === '' ? '' : node.preamble + lineEnd
          node.children.forEach((child, i) => (body += `--${name}${lineEnd}` + write(child, `${within}${i + 1}.`, `${within}${i + 1}`) + lineEnd))
          // What nobody closes ends with its last part.
          body = node.closed ? body + `--${name}--${lineEnd}${node.epilogue}` : body.slice(0, -lineEnd.length)
        }
        if (own !== undefined) expected.set(own, { header, body, type: node.header.replace('Content-Type: ', '').split(';')[0] || 'text/plain' })
        return header + body
      }
      const octets = Buffer.from(write(root, '', ''), 'latin1')
      const summary = scan(octets, cuts.sort((a, b) => a - b))
      check(octets, summary)
      expect(summary).toEqual(scan(octets))
      // Lines end in CR in random text, so an end of a body may lie within a CRLF: compare where it does not.
      const found = new Map(summary.parts.map((part) => [part.section, { header: octets.toString('latin1', part.headerOffset, part.bodyOffset), body: octets.toString('latin1', part.bodyOffset, part.bodyOffset + part.bodyLength), type: part.type }]))
      expect([...found.keys()]).toEqual([...expected].sort((a, b) => order(a[0], b[0])).map(([section]) => section))
      for (const [section, { header, body, type }] of expected) {
        const part = found.get(section)!
        expect(part.header).toBe(header)
        expect(part.type).toBe(type)
        expect(part.body.replace(/\r$/, '')).toBe(body.replace(/\r$/, ''))
      }
    }), { numRuns: 1500 })
  })
})
/** Tree order of section numbers. */
function order(a: string, b: string): number {
  const [x, y] = [a, b].map((section) => (section === '' ? [] : section.split('.').map(Number)))
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i] - y[i]
  return x.length - y.length
}

describe('rubbish', () => {
  const piece = fc.oneof(
    fc.constantFrom('\r\n', '\n', '\r', '\r\n\r\n', '--', '--b', '--b--', '--b\r\n', '--c\r\n', '\n--b--\n', 'Content-Type: ', 'multipart/mixed; boundary=b\r\n', 'multipart/digest; boundary="c"\n', 'message/rfc822\r\n', 'Content-Type: multipart/alternative; boundary=b--\n\n',
      'From: ', 'To: a@b, ', 'Subject: ', '=?utf-8?q?', '=C3?=', '<', '>', '(', ')', '"', '\\', ',', ';', ':', '@', '=', '*0*', '*1', "utf-8''%", 'name', 'Content-Disposition: attachment; filename', 'Content-Transfer-Encoding: base64\r\n', 'Date: 1 Jan 00', '\0', '\xff', ' ', '\t', 'x'.repeat(300)),
    fc.string({ maxLength: 5 }))
  const rubbish = fc.array(piece, { maxLength: 80 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'))
  test('never throws, keeps within bounds, whatever the chunks', () => {
    fc.assert(fc.property(rubbish, fc.array(fc.nat(500), { maxLength: 10 }), (octets, cuts) => {
      const whole = scan(octets)
      check(octets, whole)
      expect(scan(octets, cuts.sort((a, b) => a - b))).toEqual(whole)
      expect(scan(octets, Array.from(octets.keys()))).toEqual(whole)
    }), { numRuns: 1500 })
  })
  test('random octets', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (octets) => check(Buffer.from(octets), scan(octets))), { numRuns: 500 })
  })
})
