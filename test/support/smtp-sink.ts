// An SMTP server that takes mail and shows it to the test; what it says of recipients can be told by local part.
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export interface Taken {
  readonly from: string
  readonly to: readonly string[]
  /** Latin-1. */
  readonly text: string
  readonly secure: boolean
  /** The connection that it came by. */
  readonly session: string
  readonly user: string | undefined
  /** RET and ENVID, and NOTIFY and ORCPT by recipient (RFC 3461). */
  readonly dsn: { readonly ret: string | null; readonly envid: string | null } | undefined
  readonly wishes: Readonly<Record<string, { readonly notify?: readonly string[]; readonly orcpt?: string } | undefined>>
  readonly requireTls: boolean
  readonly remoteAddress: string
}
export interface Sink {
  readonly port: number
  readonly taken: Taken[]
  /** Reply to RCPT by local part; others are fine. */
  readonly answers: Record<string, [code: number, text: string]>
  stop(): Promise<void>
}

/** Logins are good with the password 'secret'. @param taken where mail is written down: several sinks may share it */
export async function startSink(options: SMTPServerOptions & { readonly address?: string } = {}, taken: Taken[] = []): Promise<Sink> {
  const answers: Sink['answers'] = {}
  const { address = '127.0.0.1', ...more } = options
  const server = new SMTPServer({
    authOptional: true, disableReverseLookup: true, logger: false, hideSMTPUTF8: true,
    onAuth: (auth, _, done) => done(auth.password === 'secret' ? null : Object.assign(new Error('no'), { responseCode: 535 }), { user: auth.username! }),
    onRcptTo({ address }, _, done) {
      const [code, text] = answers[address.split('@')[0]] ?? []
      done(code === undefined ? null : Object.assign(new Error(text), { responseCode: code }))
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const { mailFrom, rcptTo, dsn, requireTLS } = session.envelope
        taken.push({
          from: mailFrom ? mailFrom.address : '', to: rcptTo.map((one) => one.address), text: Buffer.concat(chunks).toString('latin1'), secure: session.secure, session: session.id, user: session.user as unknown as string | undefined,
          dsn: dsn as Taken['dsn'], wishes: Object.fromEntries(rcptTo.map((one) => [one.address, one.dsn])) as Taken['wishes'], requireTls: requireTLS === true, remoteAddress: session.remoteAddress,
        })
        done()
      })
    },
    ...more,
  })
  server.on('error', () => undefined)
  await new Promise<void>((ready) => { server.listen(0, address, ready) })
  return { port: (server.server.address() as AddressInfo).port, taken, answers, stop: () => new Promise((done) => { server.close(() => done()) }) }
}
