// APPEND, one or many messages (RFC 3502), and REPLACE (RFC 8508). The octets go straight to the spool while they come in; this file
// also says, before an octet of a literal is taken, whether it may come and where it goes.
import { failure, type Filing, type Spooled, type Uid } from '@restante/core'
import { appendData, type AppendData } from '../grammar/append-data.js'
import { mailbox } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import { limitCapability, mostSaved } from '../session/message-limit.js'
import type { Session } from '../session/session.js'
import { assemble } from '../url/assemble.js'
import type { Destination, Literal, Piece } from '../wire/framer.js'
import { AwaitsMessage, AwaitsLiteral, BadCommand, Reader } from '../wire/reader.js'
import { afterLogin, command, inMailbox, type Done } from './command.js'
import { highestModseq } from './expunge.js'

/** A command is read whole before its settings are known: the largest that they can be. */
const mostParts = 1000

export const append = command({
  name: 'APPEND', states: afterLogin, target: true,
  capabilities: (session) => ['MULTIAPPEND', 'CATENATE', `APPENDLIMIT=${session.face.config.appendLimit}`, ...limitCapability(session)],
  read(r) {
    const name = mailbox(r.sp())
    const messages: AppendData[] = []
    do messages.push(appendData(r.sp(), mostParts))
    while (!r.done())
    return { name, messages }
  },
  run: (session, { name, messages }) => withMessages(session, messages, async (filings): Promise<Done> => {
    const { uidValidity, uids } = await session.mailboxes.append(session.account.id, name, filings)
    await session.notifying?.filedHere(name, uids)
    return { code: `APPENDUID ${uidValidity} ${uidSet(uids)}` }
  }),
})

export const replace = command({
  name: 'REPLACE', uid: true, numbers: true, states: inMailbox, target: true, expunges: true, capabilities: ['REPLACE'],
  read: (r) => ({ old: r.sp().take('*') ? 0 : r.nzNumber('a message number or *'), name: mailbox(r.sp()), message: appendData(r.sp(), mostParts) }),
  async run(session, { old, name, message }, { uid: byUid }): Promise<Done> {
    const selected = session.writable()
    const [uid] = selected.uids([old, old], byUid)
    if (uid === undefined) throw new Refusal('NONEXISTENT', 'There is no message with that UID')
    return withMessages(session, [message], async ([filing]) => {
      const { uidValidity, uids } = await selected.mailbox.replace(uid as Uid, name, filing)
      await session.notifying?.filedHere(name, uids)
      session.say.line(`* OK [APPENDUID ${uidValidity} ${uids[0]}] The replacement is there`)
      return { code: highestModseq(session) }
    })
  },
})

/** Puts messages together where they come in pieces; what was made for that is forgotten when they are not filed. */
async function withMessages<T>(session: Session, messages: readonly AppendData[], file: (filings: readonly Filing[]) => Promise<T>): Promise<T> {
  const made: Spooled[] = []
  mustHaveRoomFor(session, messages.length)
  try {
    const filings: Filing[] = []
    for (const { source, ...about } of messages) {
      const whole = 'size' in source
      const spooled = whole ? source : await assemble(session, source)
      if (!whole) made.push(spooled)
      // RFC 3502 6.3.11: a client that changes its mind sends an empty message.
      if (spooled.size === 0) throw new Refusal(undefined, 'An empty message is not kept; nothing was appended')
      filings.push({ ...about, spooled })
    }
    return await file(filings)
  } finally {
    for (const spooled of made) await spooled.discard()
  }
}

function mustHaveRoomFor(session: Session, messages: number): void {
  if (messages > mostSaved(session)) throw new Refusal(`MESSAGELIMIT ${mostSaved(session)}`, 'Too many messages to append, try a smaller subset')
}

/** UIDs as RFC 4315 wants them: a range, which they are when nobody came between. */
function uidSet(uids: readonly number[]): string {
  const together = uids.every((uid, i) => i === 0 || uid === uids[i - 1] + 1)
  return together && uids.length > 1 ? `${uids[0]}:${uids[uids.length - 1]}` : uids.join(',')
}

/** Whether the command may have messages among its literals. Only after login: before, nobody's literal reaches the disk. */
export function announcesMessage(session: Session, soFar: readonly Piece[]): boolean {
  return (session.state === 'authenticated' || session.state === 'selected') && /^[^ ]+ (?:APPEND|(?:UID )?REPLACE) /i.test(String(soFar[0]))
}

/** Small messages wait in memory for the last one of their command: so many octets of them at most. */
const heldOctets = 16 * 1024 * 1024
/** Where the part of a command begins that is not read yet: behind its last whole message. */
const readUpTo = new WeakMap<readonly Piece[], { readonly from: number; readonly closing: boolean }>()

/**
 * Looks at all that can be wrong before a literal is sent: syntax, mailbox, size, quota.
 * @param argument the rule for a literal that is no message: a mailbox name, a URL
 */
export async function admitMessage(session: Session, literal: Literal, soFar: readonly Piece[], argument: () => Destination): Promise<Destination> {
  const { maxDepth, maxCatenateParts } = session.face.config
  const { from, closing } = readUpTo.get(soFar) ?? { from: 0, closing: false }
  const r = new Reader(from === 0 ? soFar : soFar.slice(from), maxDepth, session.dialect)
  let name: string | undefined
  try {
    if (from === 0) name = opening(r, session)
    else if (closing) r.expect(')')
    for (;;) appendData(r.sp(), maxCatenateParts)
  } catch (error) {
    if (!(error instanceof AwaitsMessage)) return error instanceof AwaitsLiteral ? argument() : { refused: error }
    const to = await admit(session, literal, soFar, name)
    if (error.kind !== 'text') readUpTo.set(soFar, { from: soFar.length + 1, closing: error.kind === 'utf8' })
    return to
  }
}

async function admit(session: Session, literal: Literal, soFar: readonly Piece[], name: string | undefined): Promise<Destination> {
  const { face: { config, services }, account } = session
  try {
    const messages = soFar.filter((piece): piece is Spooled => typeof piece === 'object' && !Buffer.isBuffer(piece))
    if (literal.size > config.appendLimit) throw failure('MESSAGE_TOO_LARGE', { limit: config.appendLimit })
    mustHaveRoomFor(session, messages.length + 1)
    if (messages.length >= config.maxAppends) throw new Refusal('LIMIT', `At most ${config.maxAppends} messages at once`)
    if (sum(messages.filter((message) => Buffer.isBuffer(message.octets))) + literal.size > Math.max(heldOctets, literal.size)) throw new Refusal('LIMIT', 'Too many messages at once')
    if (name !== undefined && messages.length === 0 && !(await session.mailboxes.list(account.id)).some((box) => box.selectable && box.name === name)) throw failure('MAILBOX_NOT_FOUND', { mailbox: name })
    await services.accounts.checkQuota(account, sum(messages) + literal.size)
    return services.spool.open({ expectedSize: literal.size, limit: config.appendLimit })
  } catch (error) {
    return { refused: error }
  }
}

const sum = (messages: readonly Spooled[]): number => messages.reduce((octets, { size }) => octets + size, 0)

/** All before the first message; its target. */
function opening(r: Reader, { state }: Session): string {
  r.tag()
  r.sp()
  if (r.take('UID ') || !r.take('APPEND')) {
    if (state !== 'selected') throw new BadCommand('No mailbox is selected')
    r.expect('REPLACE').sp()
    if (!r.take('*')) r.nzNumber('a message number or *')
  }
  return mailbox(r.sp())
}
