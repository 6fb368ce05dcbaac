// Two gateways in two domains, in this process, that find each other by names of the test's own: what one says to the other
// goes over real sockets.
import { connect, createServer } from 'node:net'
import type { AccountId } from '@restante/core'
import type { Log } from '../../core/dist/log/logger.js'
import { startGateway } from './gateway.js'
import { databaseSettings, type DatabaseKind } from './databases.js'
import { fakeDns, publish, type Zone } from './names.js'

export interface PairOptions {
  readonly kind?: DatabaseKind
  readonly accounts?: number
  readonly faces?: boolean
  readonly set?: readonly string[]
  /** Of both. */
  readonly log?: Log
}

async function startSide(domain: string, dns: ReturnType<typeof fakeDns>, { kind = 'sqlite', accounts = 3, faces = false, set = [], log }: PairOptions) {
  const started = await startGateway({
    domain, dns, accounts, ...(log ? { log } : {}),
    set: [
      ...(faces ? [] : ['plugins.imap4=false', 'plugins.pop3=false', 'plugins.smtp-ingress=false']), 'im2000.outbound.allowNetworks=["127.0.0.0/8"]',
      `im2000.store.location.clear=${domain}`, 'im2000.store.location.tls=[]', ...await databaseSettings(kind), ...set,
    ],
  })
  const { gateway } = started.running
  const ids = (await gateway.accounts.all()).map((account) => account.id)
  const name = (n: number): string => `user${String(n).padStart(4, '0')}@${domain}`
  /** Submits as the first account. */
  const submit = async (recipients: readonly string[], text: string | Buffer = 'Subject: hello\r\nFrom: user0001@a.test\r\n\r\nHi\r\n', lifetime?: number) => {
    const draft = await gateway.store.open({ account: ids[0], name: name(1), protocol: 'ESMTPSA' }, { recipients, ...(lifetime === undefined ? {} : { lifetime }) })
    await draft.writer.write(Buffer.from(text as string, 'latin1'))
    return draft.seal()
  }
  const statusOf = async (token: string) => (await gateway.store.track(token))[0].recipients
  return { ...started, gateway, ids, name, submit, statusOf }
}
export type Side = Awaited<ReturnType<typeof startSide>>

/** `a` sends, `b` receives; both publish their services in `zone`, in clear (the names of test certificates would not stand). */
export async function startPair(options: PairOptions = {}) {
  const zone: Zone = {}
  const dns = fakeDns(zone)
  const [a, b] = await Promise.all([startSide('a.test', dns, options), startSide('b.test', dns, options)])
  for (const [side, domain] of [[a, 'a.test'], [b, 'b.test']] as const) {
    publish(zone, '_RNASP', domain, side.listeners.rnasp)
    publish(zone, '_MSRAP', domain, side.listeners.msrap)
  }
  /** Octets that went from a's store to b: its MSRAP service stands behind a relay that counts. */
  let moved = 0
  const counter = createServer((socket) => {
    const to = connect(Number(a.listeners.msrap.split(':').at(-1)), '127.0.0.1')
    for (const [from, into] of [[socket, to], [to, socket]] as const) from.on('error', () => into.destroy()).on('close', () => into.destroy()).pipe(into)
    to.on('data', (chunk: Buffer) => { moved += chunk.length })
  })
  await new Promise<void>((done) => { counter.listen(0, '127.0.0.1', done) })
  publish(zone, '_MSRAP', 'a.test', `127.0.0.1:${(counter.address() as { port: number }).port}`)
  const stop = async (): Promise<void> => {
    await Promise.all([a.stop(), b.stop()])
    counter.close()
  }
  return { a, b, zone, dns, wire: () => moved, stop }
}
export type Pair = Awaited<ReturnType<typeof startPair>>
export type { AccountId }
