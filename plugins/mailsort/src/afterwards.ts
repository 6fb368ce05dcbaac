// What rules owe after the commit: forwards and replies, as submissions of their own. Done at least once; never a bounce.
import { isFailure, type AccountId, type AfterDelivery, type Answers, type Content, type Contents, type Log, type MessageStore } from '@restante/core'
import type { Repository } from './repository.js'
import type { Work } from './sorter.js'

export interface AfterwardsParts {
  readonly contents: Contents
  readonly store: MessageStore
  readonly answers: Answers
  readonly repository: Repository
  readonly log: Log
  readonly now: () => number
  readonly replyMs: number
  readonly timezone: string
  readonly note: (account: AccountId, rule: string, why: string, messageId: string) => void
}

/** For 'delivery.after'. Throws what may pass, to be tried again. */
export function makeAfterwards(parts: AfterwardsParts): (fact: AfterDelivery) => Promise<void> {
  return async (fact) => {
    const work = fact.work as Work
    switch (work.do) {
      case 'met': return parts.repository.met(fact.account, work.sender)
      case 'forward': return forward(parts, fact, work.addresses)
      case 'reply': {
        const { name, ...text } = work.template
        const why = await parts.answers.answer(fact, {
          text, prefix: 'Re: ', timezone: parts.timezone,
          due: async (sender) => parts.repository.claimReply(fact.account, name, sender, parts.now(), parts.now() - parts.replyMs),
        })
        if (why !== undefined) parts.log.debug({ account: fact.account, why }, 'no reply')
      }
    }
  }
}

/** A forward names the one who forwards as its sender: what goes wrong is theirs, and their domain vouches for it. Null stays null. */
async function forward(parts: AfterwardsParts, fact: AfterDelivery, addresses: readonly string[]): Promise<void> {
  const { account, recipient, sender, message, requireTls = false } = fact
  const failed = (to: readonly string[], why: string): void => {
    parts.log.warn({ account, message, to, why }, 'a message was not forwarded')
    parts.note(account, '', `not forwarded to ${to.join(', ')}: ${why}`, '')
  }
  let recipients = addresses
  for (let tries = 0; tries < 2 && recipients.length > 0; tries++) {
    try {
      const content = await parts.contents.open(message)
      const draft = await parts.store.open({ account, name: sender === '' ? '' : recipient, protocol: 'MailSort', forwardedFor: sender }, { recipients, requireTls }, { trace: `Delivered-To: ${recipient}\r\n`, expectedSize: content.size })
      try {
        for await (const chunk of withoutReturnPath(content)) await draft.writer.write(chunk)
        await draft.seal()
      } finally {
        await draft.discard()
      }
      return
    } catch (error) {
      if (isFailure(error, 'ENVELOPE_REFUSED')) {
        const refused = (error.details as { refused?: readonly string[] }).refused ?? recipients
        failed(refused, 'there is no such recipient, or no way there')
        recipients = recipients.filter((address) => !refused.includes(address))
      } else if (isFailure(error) && error.kind !== 'temporary' && error.kind !== 'bug') return failed(recipients, error.message)
      else throw error
    }
  }
}

/** Return-Path is written where mail is delivered at last (RFC 5321 4.4): those of before go. Looks at the top of the header only, where they stand. */
async function* withoutReturnPath(content: Content): AsyncGenerator<Buffer> {
  const top = 16 * 1024
  const first: Buffer[] = []
  for await (const chunk of content.range(0, Math.min(top, content.size))) first.push(chunk)
  const text = Buffer.concat(first).toString('latin1')
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length
  yield Buffer.from(text.slice(0, end).replace(/^return-path:.*\r?\n(?:[ \t].*\r?\n)*/gim, '') + text.slice(end), 'latin1')
  if (content.size > top) yield* content.range(top, content.size - top)
}
