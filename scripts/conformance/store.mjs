// Statements about a message store that can be seen at its two services (im2000.md section I, T35-T80).
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { must } from './peer.mjs'

const nowhere = 'conformance.invalid'
/** Entries that no agent will ever be told of: what becomes of the message is ours alone to decide. */
const recipient = (name, domain = nowhere) => ({ localpart: name, domain: domain.split('.') })
const text = Buffer.from('From: a@example.org\r\nTo: b@example.org\r\nSubject: conformance\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nX-Other: x\r\n\r\nbare\nNUL\0 8-bit \xe4 ' + 'long '.repeat(300) + '\r\n', 'latin1')
const lifetime = 86_400n

/** Submits and answers the identifiers. */
async function submit(im, { recipients = [recipient('one')], lists, octets = text, chunk = octets.length || 1, session } = {}) {
  const own = session ?? await im.login('msoap')
  await own.good('submitEnvelope', { ...(recipients.length > 0 ? { recipients } : {}), ...(lists ? { lists } : {}), lifetime })
  let made
  for (let offset = 0; offset === 0 || offset < octets.length; offset += chunk) {
    const data = octets.subarray(offset, offset + chunk)
    made = await own.good('submitMsgChunk', { islast: offset + chunk >= octets.length, offset: BigInt(offset), data })
  }
  return { session: own, recipients: made.recipients ?? [], lists: made.lists ?? [] }
}
const retrieve = (session, identifier, type, offset = 0, length = 65_536) => session.good('retrieve', { identifier, type, offset: BigInt(offset), length: BigInt(length) })
async function whole(session, identifier, type, window = 65_536) {
  const parts = []
  for (let offset = 0; ;) {
    const { data, size } = await retrieve(session, identifier, type, offset, window)
    must(data.length <= window, 'more octets than asked for')
    parts.push(data)
    offset += data.length
    if (data.length === 0 || offset >= Number(size)) return { octets: Buffer.concat(parts), size: Number(size) }
  }
}
/** Some things are done a moment later. */
async function eventually(look, what, seconds = 15) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) if (await look()) return
  must(false, what)
}
const gone = async (session, identifier) => (await session.ask('retrieve', { identifier, type: 'nothing', offset: 0n, length: 0n })).status === 'errornosuchmessage'

const both = ['msoap', 'msrap', 'account']
export const storeCases = [
  { of: ['T35'], needs: ['msoap'], async run(im) {
    const session = await im.open('msoap')
    await session.refused('submitEnvelope', { recipients: [recipient('one')], lifetime }, 'errornotauthenticated')
    await session.refused('submitMsgChunk', { islast: true, offset: 0n, data: Buffer.alloc(0) }, 'errornotauthenticated')
    for (const kind of ['track', 'cancel']) await session.refused(kind, { identifier: randomBytes(16) }, 'errornotauthenticated')
  } },
  { of: ['T36'], needs: ['msoap', 'account'], async run(im) {
    const session = await im.login('msoap')
    for (const empty of [{}, { recipients: [] }, { recipients: [], lists: [] }]) must((await session.ask('submitEnvelope', { ...empty, lifetime })).abort === true, 'an envelope of nobody is accepted')
  } },
  { of: ['T37'], needs: ['msoap', 'account'], async run(im) {
    const said = await (await im.login('msoap')).ask('submitEnvelope', { recipients: [recipient('one'), { localpart: 'two', domain: ['[192', '0', '2', '1]'] }], lifetime })
    must(said.abort && said.value.recipients?.[0] === 'acceptable' && said.value.recipients?.[1] === 'submissionaccessdenied', `an address literal: ${JSON.stringify(said.value)}`)
  } },
  { of: ['T38', 'T46'], needs: ['msoap', 'account'], async run(im) {
    const recipients = ['one', 'two', 'three'].map((name) => recipient(name))
    const session = await im.login('msoap')
    const { recipients: statuses } = await session.good('submitEnvelope', { recipients, lifetime })
    must(statuses?.length === 3, `${statuses?.length} statuses for 3 recipients`)
    const made = await session.good('submitMsgChunk', { islast: true, offset: 0n, data: text })
    must(new Set(made.recipients?.map((one) => one.toString('hex'))).size === 3, 'not one identifier for each recipient')
  } },
  { of: ['T39'], needs: ['msoap', 'account'], async run(im) {
    const session = await im.login('msoap')
    must((await session.ask('submitEnvelope', { recipients: [], lifetime })).abort === true, 'an envelope of nobody is accepted')
    await session.refused('submitMsgChunk', { islast: true, offset: 0n, data: text }, 'errorunexpectedcommand')
  } },
  { of: ['T40'], needs: ['msoap', 'account'], async run(im) {
    const session = await im.login('msoap')
    await session.good('submitEnvelope', { recipients: [recipient('one')], lifetime })
    must((await session.ask('submitMsgChunk', { islast: false, offset: 1n, data: text })).abort === true, 'a chunk at a wrong offset is taken')
    await session.refused('submitMsgChunk', { islast: true, offset: 0n, data: text }, 'errorunexpectedcommand')
  } },
  { of: ['T43', 'T44', 'T45', 'T71'], needs: both, async run(im) {
    const { recipients: [identifier] } = await submit(im, { chunk: 333 })
    const { octets } = await whole(await im.open('msrap'), identifier, 'all')
    must(octets.subarray(octets.length - text.length).equals(text), 'the stored octets are not those submitted')
    const trace = octets.subarray(0, octets.length - text.length).toString('latin1')
    must(/^Received:/i.test(trace) && (trace.match(/^Received:/gim) ?? []).length === 1, 'the message does not begin with one Received field')
    const dated = Date.parse(/;([^;]*?)(?:\([^)]*\))?\s*$/.exec(trace.replace(/\r\n(?=[ \t])/g, ''))?.[1] ?? '')
    must(Math.abs(dated - Date.now()) < 3_600_000, 'the Received field is not dated now')
    must(!trace.toLowerCase().includes(identifier.toString('hex')), 'the trace header tells the identifier')
  } },
  { of: ['T48'], needs: ['msoap', 'account'], run: async (im) => (await im.login('msoap')).refused('submitEnvelope', { recipients: [recipient('one')], lifetime: 1n }, 'errorlifetimetooshort') },
  { of: ['T50'], needs: ['msoap', 'account'], async run(im) {
    const waiting = await im.login('msoap')
    await waiting.good('submitEnvelope', { recipients: [recipient('one')], lifetime })
    await submit(im)
  } },
  { of: ['T61'], needs: ['msoap', 'account'], async run(im) {
    const { session, recipients: [identifier] } = await submit(im)
    await session.refused('track', { identifier: randomBytes(16) }, 'errornotpermitted')
    await session.good('cancel', { identifier })
    await session.refused('track', { identifier }, 'errornotpermitted')
  } },
  { of: ['T61', 'T69'], needs: ['msoap', 'account', 'other'], async run(im) {
    const { session, recipients: [identifier] } = await submit(im)
    const other = await im.login('msoap', im.other)
    for (const kind of ['track', 'cancel']) await other.refused(kind, { identifier }, 'errornotpermitted')
    await session.good('track', { identifier })
  } },
  { of: ['T62', 'T64'], needs: [...both, 'mailbox'], async run(im) {
    // One whose agent there is: of the other the status may be that there is none.
    const at = im.mailbox.lastIndexOf('@')
    const { session, recipients: [one, two] } = await submit(im, { recipients: [recipient(im.mailbox.slice(0, at), im.mailbox.slice(at + 1)), recipient('two')] })
    const reader = await im.open('msrap')
    const status = async (identifier) => (await session.good('track', { identifier })).status
    must((await status(one)).pinned && (await status(one)).read === 'unread', 'a new message is not pinned and unread')
    await reader.good('silence', { identifier: one })
    must((await status(one)).notificationstatus === 'silenced', 'silenced does not show')
    await reader.good('unPin', { identifier: one })
    must((await status(one)).pinned === false && (await status(two)).pinned === true, 'un-pinning is not for its recipient alone')
    must((await status(one)).notificationstatus === 'silenced' && (await status(two)).notificationstatus !== 'silenced', 'silenced reverts, or is not for its recipient alone')
  } },
  { of: ['T63'], needs: both, async run(im) {
    const { session, recipients: [identifier] } = await submit(im)
    const reader = await im.open('msrap')
    for (const [type, read] of [['nothing', 'unread'], ['headersonly', 'readheaders'], ['summaryonly', 'readheaders'], ['all', 'readall'], ['headersonly', 'readall']]) {
      await whole(reader, identifier, type)
      const found = (await session.good('track', { identifier })).status.read
      must(found === read, `after ${type} the read status is ${found}, not ${read}`)
    }
  } },
  { of: ['T65', 'T66', 'T70'], needs: both, async run(im) {
    const { recipients: [one, two] } = await submit(im, { recipients: [recipient('one'), recipient('two')] })
    const reader = await im.open('msrap')
    for (let i = 0; i < 2; i++) for (const kind of ['silence', 'unPin']) await reader.good(kind, { identifier: one })
    await retrieve(reader, two, 'all')
    await reader.good('unPin', { identifier: two })
    await eventually(() => gone(reader, two), 'the message is not gone when all have un-pinned')
  } },
  { of: ['T67'], needs: both, async run(im) {
    const { session, recipients } = await submit(im, { recipients: [recipient('one'), recipient('two')] })
    await session.good('cancel', { identifier: recipients[0] })
    const reader = await im.open('msrap')
    for (const identifier of recipients) must(await gone(reader, identifier), 'a cancelled message is there')
  } },
  { of: ['T72', 'T73', 'T78'], needs: [...both, 'list'], async run(im) {
    const reader = await im.open('msrap')
    let { endtime } = await reader.good('scanList', { listname: im.list, begintime: 0n })
    for (let more = true; more;) {
      const next = await reader.good('scanList', { listname: im.list, begintime: endtime })
      more = next.messages.length > 0
      endtime = next.endtime
    }
    const { session, recipients: [identifier], lists: [posted] } = await submit(im, { lists: [Buffer.from(im.list)] })
    const seen = []
    await eventually(async () => {
      const next = await reader.good('scanList', { listname: im.list, begintime: endtime })
      seen.push(...next.messages.map((one) => one.toString('hex')))
      endtime = next.endtime
      return seen.length > 0
    }, 'a posting is not found by scanning')
    must(seen.length === 1 && seen[0] === posted.toString('hex'), 'scanning does not give the posting once')
    for (const kind of ['silence', 'unPin']) must((await reader.ask(kind, { identifier: posted })).abort === true, `${kind} takes a list identifier`)
    await whole(reader, posted, 'all')
    const { status } = await session.good('track', { identifier })
    must(status.read === 'unread' && status.pinned, 'reading by the list shows in a recipient\'s status')
  } },
  { of: ['T74'], needs: ['msrap'], run: async (im) => (await im.open('msrap')).refused('retrieve', { identifier: randomBytes(16), type: 'all', offset: 0n, length: 10n }, 'errornosuchmessage') },
  { of: ['T75', 'T76', 'T77', 'T80'], needs: both, async run(im) {
    const { recipients: [identifier] } = await submit(im)
    const reader = await im.open('msrap')
    const nothing = await retrieve(reader, identifier, 'nothing')
    const all = await whole(reader, identifier, 'all')
    must(nothing.data.length === 0 && Number(nothing.size) === all.size && all.size === all.octets.length, 'the sizes differ')
    for (const window of [1, 7, 1000]) must((await whole(reader, identifier, 'all', window === 1 ? 97 : window)).octets.equals(all.octets), `windows of ${window} do not make the whole`)
    const end = await retrieve(reader, identifier, 'all', all.size)
    must(end.data.length === 0, 'there is something behind the end')
    const { octets: header } = await whole(reader, identifier, 'headersonly')
    must(all.octets.subarray(0, header.length).equals(header) && header.subarray(-4).toString() === '\r\n\r\n' && header.indexOf('\r\n\r\n') === header.length - 4, 'the header does not end with the first empty line')
  } },
  { of: ['T79'], needs: ['msrap'], async run(im) {
    const reader = await im.open('msrap')
    const answers = new Set()
    for (const listname of [randomBytes(8).toString('hex'), ...(im.forbiddenList ? [im.forbiddenList] : [])]) answers.add((await reader.command('scanList', { listname, begintime: 0n }).pdu()).toString('hex'))
    must(answers.size === 1 && [...answers][0].startsWith('a2'), 'an unknown list and a forbidden one are answered otherwise')
  } },
]
