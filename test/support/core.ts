// A gateway without faces, for suites that speak to core's services on each database.
import type { AccountId } from '@restante/core'
import { startGateway } from './gateway.js'
import { databaseSettings, type DatabaseKind } from './databases.js'

const noFaces = ['plugins.imap4=false', 'plugins.pop3=false', 'plugins.smtp-ingress=false']

export async function startCore(kind: DatabaseKind, options: { accounts?: number; set?: readonly string[] } = {}) {
  const started = await startGateway({ accounts: options.accounts ?? 3, set: [...noFaces, ...await databaseSettings(kind), ...(options.set ?? [])] })
  const { gateway } = started.running
  const ids = (await gateway.accounts.all()).map((account) => account.id)
  const submit = async (recipients: readonly string[], text = 'Subject: hello\r\n\r\nHi\r\n', more: { account?: AccountId | null; lifetime?: number; lists?: readonly string[] } = {}) => {
    const { account = null, ...envelope } = more
    const draft = await gateway.store.open({ account, name: 'toby@example.org', protocol: 'ESMTP' }, { recipients, ...envelope })
    await draft.writer.write(Buffer.from(text, 'latin1'))
    return draft.seal()
  }
  const octetsOf = async (message: number): Promise<string> => {
    const content = await gateway.contents.open(message as never)
    const parts: Buffer[] = []
    for await (const chunk of content.range(0, content.size)) parts.push(chunk)
    return Buffer.concat(parts).toString('latin1')
  }
  const count = async (table: string): Promise<number> => (await gateway.database.read.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))!.n
  return { ...started, gateway, ids, submit, octetsOf, count, name: (n: number) => `user${String(n).padStart(4, '0')}@example.test` }
}
export type CoreUnderTest = Awaited<ReturnType<typeof startCore>>
