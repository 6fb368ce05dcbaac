// What faces hand out counts as read at the store, with or without \Seen (im2000.md D.4); what was only looked at does not.
import { ImapFlow } from 'imapflow'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.js'
import type { Running } from '../../core/dist/cli/run.js'

let gateway: TestGateway & { readonly running: Running }
let client: ImapFlow
beforeAll(async () => {
  gateway = await startGateway()
  const [host, port] = gateway.listeners.imap.split(':')
  client = new ImapFlow({ host, port: Number(port), secure: false, auth: { user: gateway.account, pass: gateway.password }, tls: { rejectUnauthorized: false }, logger: false })
  await client.connect()
  await client.mailboxOpen('INBOX')
})
afterAll(async () => {
  await client.logout()
  await gateway.stop()
})

const send = async (): Promise<string> => {
  const { store } = gateway.running.gateway
  const draft = await store.open({ account: null, name: '', protocol: 'ESMTP' }, { recipients: [gateway.account] })
  await draft.writer.write(Buffer.from('Subject: x\r\n\r\nbody\r\n'))
  return (await draft.seal()).token
}
const status = async (token: string): Promise<string> => (await gateway.running.gateway.store.track(token))[0].recipients[0].read

it('BODY.PEEK[] of the whole text is reading; headers and a first piece are not; \\Seen stays as it was', async () => {
  const token = await send()
  await client.noop()
  const last = String(client.mailbox && client.mailbox.exists)
  await client.fetchOne(last, { envelope: true, bodyStructure: true, headers: true, source: { start: 0, maxLength: 5 } })
  await gateway.running.gateway.database.write(async () => undefined)
  expect(await status(token)).toBe('unread')
  await client.fetchOne(last, { source: true })
  await expect.poll(() => status(token), { timeout: 5000 }).toBe('readall')
  expect([...(await client.fetchOne(last, { flags: true }) as { flags: Set<string> }).flags]).not.toContain('\\Seen')
})
