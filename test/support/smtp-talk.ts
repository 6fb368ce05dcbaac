// A few SMTP messages from outside, and what became of them: for tests of what is done with incoming mail.
import { connect } from 'node:net'
import type { AccountId } from '@restante/core'
import type { TestGateway, startGateway } from './gateway.js'

type InProcess = Awaited<ReturnType<typeof startGateway>>

export interface Sent { readonly from?: string; readonly to: readonly string[]; readonly raw: string; readonly helo?: string; readonly listener?: string }

/** Says so many lines to a listener, one after the other's reply; answers the replies. The last line 'data:' sends what follows it. */
export function talk(gateway: Pick<TestGateway, 'listeners'>, lines: readonly string[], listener = 'smtp'): Promise<string[]> {
  const [host, port] = gateway.listeners[listener].split(':')
  return new Promise((done, refuse) => {
    const socket = connect(Number(port), host)
    const replies: string[] = []
    const rest = [...lines]
    let text = ''
    socket.on('error', refuse).on('close', () => done(replies))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let found = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(text); found; found = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(text)) {
        text = text.slice(found[0].length)
        replies.push(found[0].trimEnd())
        const next = rest.shift()
        if (next === undefined) {
          if (!socket.writableEnded) socket.end('QUIT\r\n')
        } else socket.write(Buffer.from(next.startsWith('data:') ? `${next.slice(5).replace(/^\./gm, '..')}\r\n.\r\n`.replace('\r\n\r\n.\r\n', '\r\n.\r\n') : `${next}\r\n`, 'latin1'))
      }
    })
  })
}

/** Sends one message from outside; answers the first reply that refuses, or that to the data: '250 2.0.0 Accepted, id ...'. */
export async function receive(gateway: Pick<TestGateway, 'listeners'>, { from = 'eve@far.test', to, raw, helo = 'mx.far.test', listener = 'smtp' }: Sent): Promise<string> {
  const replies = await talk(gateway, [`${listener === 'lmtp' ? 'LHLO' : 'EHLO'} ${helo}`, `MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA', `data:${raw}`], listener)
  return replies.slice(2).find((reply) => /^[45]/.test(reply)) ?? replies[4 + to.length]
}

/** Whole messages of a mailbox, oldest first, with their keywords. */
export async function held({ running: { gateway } }: InProcess, user: string, mailbox: string): Promise<{ text: string; keywords: readonly string[] }[]> {
  const account = (await gateway.accounts.byName(user))!.id as AccountId
  const box = await gateway.mailboxes.open(account, mailbox, { readOnly: true })
  const found: { text: string; keywords: readonly string[] }[] = []
  try {
    for (const uid of box.view.uidsBetween(1 as never, 4_294_967_295 as never)) {
      const entry = box.index.entry(uid)!
      const content = await gateway.contents.open(entry.message)
      const parts: Buffer[] = []
      for await (const chunk of content.range(0, content.size)) parts.push(chunk)
      found.push({ text: Buffer.concat(parts).toString('latin1'), keywords: box.index.keywordNames(entry.keywords) })
    }
  } finally {
    box.close()
  }
  return found
}
