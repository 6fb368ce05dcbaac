// Answers by machine to a delivered message (RFC 3834): whether one may be sent at all, what it says, and its submission.
// Vacation and filter rules give the text; neither sends by itself.
import type { AccountId, MessageId } from '../base/branded.js'
import type { Random } from '../base/random.js'
import type { Accounts } from '../accounts/contract.js'
import type { Contents } from '../blobs/contract.js'
import { isFailure } from '../errors/codes.js'
import { parseAddressList } from '../message/address.js'
import { whyNotAnswer } from '../message/automatic.js'
import { composeMessage } from '../message/compose.js'
import { decodeHeader, splitFields, unfold } from '../message/headers.js'
import { messageIds } from '../message/sort-keys.js'
import type { MessageStore } from '../store/contract.js'
import type { AfterDelivery, AnswerText } from './placing.js'

export interface Answering {
  /** Of several, the first that may still be said. */
  readonly text: AnswerText
  /** Also answer what does not name the account in To or Cc. */
  readonly unnamed?: boolean
  /** Subject when the text has none: 'Auto: {subject}' for vacations (RFC 5230 4.3), 'Re: {subject}' for replies. */
  readonly prefix: string
  /** IANA name, for dates in the text. */
  readonly timezone: string
  /** Last word, asked only when all else allows an answer: whether this sender is due one. Notes that it is being sent. */
  readonly due: (sender: string) => Promise<boolean>
}

export interface Answers {
  /** Sends the answer. Resolves with why not, or undefined when it was sent. Throws what may pass (kind 'temporary'). */
  answer(fact: AfterDelivery, how: Answering): Promise<string | undefined>
}

export interface AnswersParts {
  readonly contents: Contents
  readonly messageStore: MessageStore
  readonly accounts: Accounts
  readonly random: Random
  readonly now: () => number
}

/** Header octets that are looked at, and References that are carried on. */
const mostHeader = 256 * 1024
const mostReferences = 20

export function makeAnswers(parts: AnswersParts): Answers {
  return {
    async answer(fact, { text, unnamed, prefix, timezone, due }) {
      const { account, recipient, sender, message, requireTls = false } = fact
      const fields = await readFields(parts.contents, message)
      if (!fields) return 'the message is gone'
      const all = (name: string): readonly string[] => fields.filter((field) => field.name === name).map((field) => unfold(field.value))
      const own = [...await parts.accounts.addressesOf(account), recipient]
      const recipients = ['to', 'cc', 'bcc', 'resent-to', 'resent-cc'].flatMap((name) => all(name).flatMap((value) => parseAddressList(value).flatMap((one) => (one.kind === 'mailbox' ? [`${one.local}@${one.domain}`] : []))))
      const why = whyNotAnswer({ sender, field: all, names: new Set(fields.map(({ name }) => name)), recipients, own, ...(unnamed === undefined ? {} : { unnamed }) })
      if (why !== undefined) return why
      if (!await due(sender)) return 'this sender has had an answer lately'
      const asked = decodeHeader(all('subject')[0] ?? '')
      const words = placeholders(asked, sender, recipient, fact.at, timezone)
      const [inReplyTo] = messageIds(all('message-id')[0] ?? '', 1)
      const domain = recipient.slice(recipient.lastIndexOf('@') + 1)
      const octets = composeMessage({
        from: { address: recipient, name: (await nameOf(parts.accounts, account)) ?? '' }, to: [sender], subject: fill(text.subject === '' ? `${prefix}{subject}` : text.subject, words), text: fill(text.text, words),
        ...(text.html === undefined ? {} : { html: fill(text.html, words, escaped) }), at: parts.now(), messageId: `${parts.random.octets(12).toString('hex')}.auto@${domain}`,
        ...(inReplyTo ? { inReplyTo, references: [...messageIds(all('references').join(' '), mostReferences), inReplyTo] } : {}), fields: { 'Auto-Submitted': 'auto-replied', 'Precedence': 'bulk' },
      })
      try {
        // RFC 3834 3.3: the null sender, so that nothing answers the answer.
        const draft = await parts.messageStore.open({ account, name: '', protocol: 'AUTO' }, { recipients: [sender], requireTls })
        try {
          await draft.writer.write(octets)
          await draft.seal()
        } finally {
          await draft.discard()
        }
        return undefined
      } catch (error) {
        if (!isFailure(error) || error.kind === 'temporary' || error.kind === 'bug') throw error
        return error.message
      }
    },
  }
}

async function readFields(contents: Contents, message: MessageId): Promise<ReturnType<typeof splitFields> | undefined> {
  try {
    const content = await contents.open(message)
    const chunks: Buffer[] = []
    let octets = 0
    for await (const chunk of content.range(0, Math.min(content.size, mostHeader))) {
      chunks.push(chunk)
      octets += chunk.length
      if (octets >= mostHeader || chunk.includes('\r\n\r\n')) break
    }
    return splitFields(Buffer.concat(chunks).toString('latin1'))
  } catch (error) {
    if (isFailure(error, 'MESSAGE_NOT_FOUND')) return undefined
    throw error
  }
}

const nameOf = async (accounts: Accounts, account: AccountId): Promise<string | undefined> => (await accounts.byId(account)).displayName || undefined

type Words = Readonly<Record<string, string>>
function placeholders(subject: string, sender: string, recipient: string, at: number, timeZone: string): Words {
  const date = new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' }).format(at)
  const time = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'short' }).format(at)
  return { subject, sender, recipient, date, time }
}
const fill = (text: string, words: Words, write: (value: string) => string = (value) => value): string => text.replace(/\{(subject|sender|recipient|date|time)\}/g, (_, name: string) => write(words[name]))
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
