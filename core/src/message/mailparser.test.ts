// The corpus as mailparser reads it, beside what the summary says: subject, people, date, ids, attachments, text.
import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser'
import { describe, expect, test } from 'vitest'
import { corpus } from '../../../test/fixtures/mime/corpus.js'
import { readData, readEnvelope, type AddressData } from '../../../test/fixtures/mime/read-imap.js'
import { decodeText } from './charset.js'
import { decodeBody } from './decode.js'
import { decodeWords } from './encoded-words.js'
import { createScanner } from './scan.js'
import type { Part } from './summary.js'

/** What mailparser reads otherwise, and why that is not what we want. */
const otherwise: Readonly<Record<string, Partial<Record<keyof Read, string>>>> = {
  'addresses-broken': { people: 'quotation marks and parentheses that never close: we keep them as text, mailparser lets them swallow the next address' },
  'base64-edge': { text: 'a footer behind the padding: mailparser decodes it as if it were base64' },
  'boundary-final-only': { text: 'a multipart without parts is shown as the text that it is; mailparser shows nothing' },
  'boundary-inner-not-closed': { text: 'the outer boundary ends the inner multipart (RFC 2046 5.1.2); mailparser goes on looking for the inner one' },
  'boundary-missing-parameter': { text: 'as boundary-final-only' },
  'boundary-never-found': { text: 'as boundary-final-only' },
  'boundary-trailing-blanks': { text: 'a boundary parameter cannot end in a blank (RFC 2046 5.1.1); mailparser takes it literally and finds no part' },
  'charset-us-ascii-lie': { subject: '8-bit under us-ascii: we find that it is UTF-8', people: 'the same' },
  'cron-root': { people: 'a name without domain is a mailbox on the host that wrote it; mailparser has no address then' },
  'date-garbage': { date: 'mailparser puts the present time where no date can be read' },
  'date-impossible': { date: '31 February: mailparser counts on into March' },
  'date-military': { date: 'military zones count as -0000 (RFC 5322 4.3); mailparser reads no date' },
  'digest-broken': { text: 'mailparser does not apply multipart/digest\'s default type', count: 'the same' },
  'digest-simple': { text: 'mailparser does not apply multipart/digest\'s default type', count: 'the same' },
  'disposition-garbage': { files: 'a disposition field with nothing but a file name' },
  'duplicate-fields': { subject: 'we take the first', people: 'we take all, so that no From can hide another', date: 'we take the first', ids: 'we take the first' },
  'encoding-garbage': { text: 'the encoding stands in quotes with a comment' },
  'feedback-report': { text: 'mailparser shows message/feedback-report as text' },
  'filename-backslash': { files: 'a Windows path in quotes has no quoting backslashes' },
  'form-data': { text: 'mailparser takes form fields for attachments', count: 'the same' },
  'format-flowed-delsp': { text: 'mailparser joins flowed lines; we compare what was written' },
  'headers-latin1-raw': { subject: '8-bit that is no UTF-8: we take it as windows-1252', people: 'the same' },
  'list-mailman-digest-mime': { text: 'mailparser does not apply multipart/digest\'s default type', count: 'the same' },
  'mailer-only-php': { text: '8-bit that is no UTF-8: we take it as windows-1252' },
  'obsolete-822': { people: 'blanks round dots and before colons, routes', date: 'blanks and comments inside', ids: 'blanks inside' },
  'subject-only-parts': { files: 'a named inline text has a name all the same' },
  'type-comments': { text: 'mailparser loses the type when comments stand in it', count: 'the same' },
  'type-garbage': { text: 'a hopeless type is text/plain (RFC 2045 5.2); mailparser makes an attachment of it', count: 'the same' },
  'type-half': { text: 'the same', count: 'the same' },
  'type-multipart-half': { count: 'a type without subtype is multipart/mixed to us' },
  'type-slash-spaces': { count: 'blanks round the slash' },
  'yenc': { text: 'no charset is said of these octets, so any reading is a guess' },
}

interface Read {
  subject: string
  people: Record<string, string[]>
  date: number | null
  ids: string
  files: string[]
  /** Attachments, with or without a name. */
  count: number
  text: string
}

const isShown = new Set(['text/plain', 'text/html', 'message/feedback-report'])

function ours(octets: Buffer): Read {
  const scanner = createScanner()
  scanner.push(octets)
  const summary = scanner.end()
  const envelope = readEnvelope(readData(summary.envelope))
  // mailparser opens no embedded messages.
  const embedded = summary.parts.filter((part) => part.embedded).map((part) => (part.section === '' ? '1.' : `${part.section}.`))
  const isInside = (part: Part): boolean => embedded.some((prefix) => part.section.startsWith(prefix))
  const leaves = summary.parts.filter((part) => !part.type.startsWith('multipart/') && !part.embedded && !isInside(part))
  const body = (part: Part): string => decodeText(decodeBody(octets.subarray(part.bodyOffset, part.bodyOffset + part.bodyLength), part.encoding), part.charset)
  return {
    subject: squeeze(decodeWords(envelope.subject ?? '')),
    people: { from: people(envelope.from), to: people(envelope.to), cc: people(envelope.cc) },
    date: summary.sort.sent,
    ids: summary.sort.messageId,
    files: summary.parts.map((part) => part.filename).filter((name) => name !== '').sort(),
    // What is no text to be shown is an attachment; an embedded message is one.
    count: summary.parts.filter((part) => !part.type.startsWith('multipart/') && !isInside(part) && !(isShown.has(part.type) && part.disposition !== 'attachment')).length,
    text: leaves.filter((part) => part.type === 'text/plain' && part.disposition !== 'attachment').map((part) => squeeze(body(part))).filter((text) => text !== '').join(' '),
  }
}

function theirs(mail: ParsedMail): Read {
  const list = (of: AddressObject | AddressObject[] | undefined): string[] =>
    [of ?? []].flat().flatMap((object) => object.value).flatMap((entry) => entry.group ?? [entry]).map((entry) => `${squeeze(entry.name ?? '')} <${entry.address ?? ''}>`)
  return {
    subject: squeeze(mail.subject ?? ''),
    people: { from: list(mail.from), to: list(mail.to), cc: list(mail.cc) },
    date: mail.date?.getTime() ?? null,
    ids: (mail.messageId ?? '').replace(/^<|>$/g, ''),
    files: mail.attachments.map((attachment) => attachment.filename ?? '').filter((name) => name !== '').sort(),
    count: mail.attachments.length,
    text: squeeze(mail.text ?? ''),
  }
}
function people(list: readonly AddressData[]): string[] {
  return list.filter((entry) => entry.domain !== null).map(({ name, local, domain }) => {
    const address = decodeWords(domain ? `${local}@${domain}` : local!)
    return `${name === address ? '' : squeeze(decodeWords(name ?? ''))} <${address}>` // mailparser drops a name that only repeats the address
  })
}
const squeeze = (text: string): string => text.replace(/[\s\0]+/g, ' ').trim()

describe.each([...corpus.keys()])('%s', (name) => {
  const skip = otherwise[name] ?? {}
  test('agrees with mailparser', async () => {
    const octets = corpus.get(name)!
    const expected = theirs(await simpleParser(octets, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, keepDeliveryStatus: true }))
    const found = ours(octets)
    for (const key of ['subject', 'people', 'date', 'ids', 'files', 'count', 'text'] as const) {
      if (skip[key] === undefined) expect.soft(found[key], key).toEqual(expected[key])
    }
  })
})
