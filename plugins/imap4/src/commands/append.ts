// APPEND, one or many messages (RFC 3502). The octets go straight to the spool while they come in; this file also says,
// before an octet of a literal is taken, whether it may come and where it goes.
import { failure, type Filing, type Spooled } from '@restante/core'
import { dateTime } from '../grammar/dates.js'
import { flagList, type FlagSet } from '../grammar/flags.js'
import { mailbox } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import type { Destination, Literal, Piece } from '../wire/framer.js'
import { Reader } from '../wire/reader.js'
import { afterLogin, command } from './command.js'

export const append = command({
  name: 'APPEND', states: afterLogin, target: true, capabilities: ({ face: { config } }) => ['MULTIAPPEND', `APPENDLIMIT=${config.appendLimit}`],
  read(r) {
    const name = mailbox(r.sp())
    const messages: Filing[] = []
    do messages.push({ ...about(r.sp()), spooled: message(r) })
    while (!r.done())
    return { name, messages }
  },
  async run(session, { name, messages }) {
    const { uidValidity, uids } = await session.mailboxes.append(session.account.id, name, messages)
    return { code: `APPENDUID ${uidValidity} ${uidSet(uids)}` }
  },
})

/** Flags and date of one message, up to its literal. */
function about(r: Reader): FlagSet & { internalDate?: number } {
  let flags: FlagSet = { flags: 0, keywords: [] }
  if (r.peek() === '(') {
    flags = flagList(r, { bare: false })
    r.sp()
  }
  if (r.peek() !== '"') return flags
  const internalDate = dateTime(r)
  r.sp()
  return { ...flags, internalDate }
}

function message(r: Reader): Spooled {
  const spooled = r.message()
  // RFC 3502 6.3.11: a client that changes its mind sends an empty message.
  if (spooled.size === 0) throw new Refusal(undefined, 'An empty message is not kept; nothing was appended')
  return spooled
}

/** UIDs as RFC 4315 wants them: a range, which they are when nobody came between. */
function uidSet(uids: readonly number[]): string {
  const together = uids.every((uid, i) => i === 0 || uid === uids[i - 1] + 1)
  return together && uids.length > 1 ? `${uids[0]}:${uids[uids.length - 1]}` : uids.join(',')
}

/**
 * Whether what came so far announces a message of APPEND (and not its mailbox name, or any other command's argument).
 * Only after login: before, nobody's literal reaches the disk.
 */
export function announcesMessage(session: Session, soFar: readonly Piece[]): boolean {
  if (session.state !== 'authenticated' && session.state !== 'selected') return false
  const first = soFar[0]
  return typeof first === 'string' && /^[^ ]+ APPEND /i.test(first) && !(soFar.length === 1 && /^[^ ]+ APPEND $/i.test(first))
}

/** Small messages wait in memory for the last one of their command: so many octets of them at most. */
const heldOctets = 16 * 1024 * 1024

/** Looks at all that can be wrong before the message is sent: syntax, mailbox, size, quota. */
export async function admitMessage(session: Session, literal: Literal, soFar: readonly Piece[]): Promise<Destination> {
  const { face: { config, services }, account } = session
  try {
    const messages = soFar.filter((piece): piece is Spooled => typeof piece === 'object' && !Buffer.isBuffer(piece))
    // Of a further message only what stands before it is new.
    const r = new Reader(messages.length > 0 ? soFar.slice(-1) : soFar, config.maxDepth)
    const name = messages.length > 0 ? undefined : target(r)
    about(r.sp())
    r.end()
    if (literal.size > config.appendLimit) throw failure('MESSAGE_TOO_LARGE', { limit: config.appendLimit })
    if (messages.length >= config.maxAppends) throw new Refusal('LIMIT', `At most ${config.maxAppends} messages at once`)
    if (sum(messages.filter((message) => Buffer.isBuffer(message.octets))) + literal.size > Math.max(heldOctets, literal.size)) throw new Refusal('LIMIT', 'Too many messages at once')
    if (name !== undefined && !(await session.mailboxes.list(account.id)).some((box) => box.selectable && box.name === name)) throw failure('MAILBOX_NOT_FOUND', { mailbox: name })
    await services.accounts.checkQuota(account, sum(messages) + literal.size)
    return services.spool.open({ expectedSize: literal.size, limit: config.appendLimit })
  } catch (error) {
    return { refused: error }
  }
}

const sum = (messages: readonly Spooled[]): number => messages.reduce((octets, { size }) => octets + size, 0)

function target(r: Reader): string {
  r.tag()
  r.sp().expect('APPEND')
  return mailbox(r.sp())
}
