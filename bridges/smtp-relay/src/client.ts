// One conversation with a mail server: opening it, and handing over messages. This and outcome.ts are all that knows nodemailer.
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { X509Certificate } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Readable } from 'node:stream'
import type { RecipientWishes, ReportWishes } from '@restante/core'
import type { Config, TlsPolicy } from './config.js'
import { verdictOf, type SmtpTrouble, type Verdict } from './outcome.js'
import type { Host, Road } from './route.js'
import { whyNot } from './tls/tlsa.js'

export interface Parcel {
  /** '' is the null sender. */
  readonly from: string
  /** Addresses, each with what is to be reported of it. */
  readonly to: ReadonlyMap<string, RecipientWishes>
  readonly reports: ReportWishes
  readonly size: number
  readonly eightBit: boolean
  readonly octets: Buffer | Readable
  /** Say that it may go by TLS only (RFC 8689). */
  readonly requireTls?: boolean
}
/** One verdict per recipient; `broken`: the connection cannot be used any more; `reports`: the server reports what becomes of it from here on (RFC 3461). */
export interface Delivered { readonly verdicts: ReadonlyMap<string, Verdict>; readonly broken: boolean; readonly reports: boolean }

export interface ClientOptions {
  readonly config: Pick<Config, 'connectTimeout' | 'commandTimeout'>
  /** Authorities whose certificates are good, PEM; undefined: the system's. */
  readonly authorities?: readonly string[]
  readonly now: () => number
  /** What we call ourselves. */
  readonly name: string
  readonly host: Host
  readonly address: string
  readonly tls: TlsPolicy
  readonly login: Road['login']
  /** Address to connect from. */
  readonly source?: string
}

/** What the library keeps to itself, as far as it is used here. */
interface Inside { readonly _supportedExtensions: readonly string[]; readonly _recipientQueue: readonly string[]; readonly _socket: Socket }
interface Within { _createSendStream(done: unknown): unknown }

/** The library says the same NOTIFY and ORCPT of all recipients; here each has its own, so that they can share a transaction. */
class Connection extends SMTPConnection {
  wishes: ReadonlyMap<string, RecipientWishes> = new Map()
  get inside(): Inside {
    return this as unknown as Inside
  }
  _getDsnRcptToArgs(): string {
    const wishes = this.offers('DSN') ? this.wishes.get(this.inside._recipientQueue.at(-1)!) : undefined
    return `${wishes?.notify ? ` NOTIFY=${wishes.notify.join(',')}` : ''}${wishes?.original ? ` ORCPT=${orcpt(wishes.original)}` : ''}`
  }
  /** What there is of a message at once goes out in one write, with its final dot. */
  _createSendStream(done: unknown): unknown {
    const { _socket } = this.inside
    _socket.cork()
    setImmediate(() => _socket.uncork())
    return (SMTPConnection.prototype as unknown as Within)._createSendStream.call(this, done)
  }
  offers(extension: string): boolean {
    return this.inside._supportedExtensions.includes(extension)
  }
}

export class Client {
  readonly host: string
  private constructor(private readonly connection: Connection, { host }: ClientOptions) {
    this.host = host.name
  }

  /** Connected, under TLS as far as asked for, logged in. Throws SmtpTrouble. */
  static async open(options: ClientOptions): Promise<Client> {
    const { config, name, host, address, tls, login, authorities, source } = options
    // Records of DNS decide about the certificate, and nothing else does (RFC 7672 2.2).
    const { tlsa } = host
    const verify = !tlsa && (tls === 'verified' || (login !== undefined && tls !== 'off'))
    const must = tlsa !== undefined || tls === 'required' || tls === 'verified' || (login !== undefined && tls !== 'off')
    const connection = new Connection({
      host: address, port: host.port, name, ...(source ? { localAddress: source } : {}), secure: host.port === 465 && tls !== 'off', connectionTimeout: config.connectTimeout * 1000, greetingTimeout: config.connectTimeout * 1000, socketTimeout: config.commandTimeout * 1000,
      ignoreTLS: tls === 'off', requireTLS: must && host.port !== 465, opportunisticTLS: !must,
      tls: { ...(isIP(host.name) ? {} : { servername: host.name }), minVersion: 'TLSv1.2', rejectUnauthorized: verify, ...(authorities ? { ca: [...authorities] } : {}) },
      // One reply, however many lines: a server that talks for ever is cut off.
      maxResponseSize: 64 * 1024,
    })
    // An error with nobody listening would end the process; what matters comes by callback.
    connection.on('error', () => undefined)
    try {
      await new Promise<void>((done, refuse) => {
        connection.once('error', refuse)
        connection.connect((error) => { if (error) refuse(error); else done() })
      })
      const why = tlsa && whyNot(tlsa, chainOf(connection._socket as TLSSocket), host.names ?? [host.name], options.now())
      if (why !== undefined) throw Object.assign(new Error(why), { code: 'ETLS' })
      if (login) await new Promise<void>((done, refuse) => { connection.login({ user: login.user, pass: login.password, credentials: { user: login.user, pass: login.password } }, (error) => { if (error) refuse(error); else done() }) })
      return new Client(connection, options)
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** What TLS came to: why the certificate is none to rely on, although that was not asked for. */
  get tls(): { readonly secure: boolean; readonly doubt?: string } {
    const { secure, _socket } = this.connection
    const doubt = secure ? (_socket as TLSSocket).authorizationError as unknown as string | undefined : undefined
    return { secure, ...(doubt ? { doubt: String(doubt) } : {}) }
  }
  get requiresTls(): boolean {
    return this.connection.offers('REQUIRETLS')
  }
  get usable(): boolean {
    return !this.connection.destroyed
  }
  quit(): void {
    this.connection.quit()
  }
  close(): void {
    this.connection.close()
  }

  async send({ from, to, reports: { returns, envelopeId }, size, eightBit, octets, requireTls = false }: Parcel): Promise<Delivered> {
    const { connection, host } = this
    let lost: ((error: Error) => void) | undefined
    connection.wishes = to
    const reports = connection.offers('DSN')
    const dsn = returns === undefined && envelopeId === undefined ? undefined : { ...(returns ? { ret: returns } : {}), ...(envelopeId ? { envid: envelopeId } : {}) }
    try {
      const info = await new Promise<{ accepted: readonly string[]; rejectedErrors?: readonly SmtpTrouble[]; response: string }>((done, refuse) => {
        lost = refuse
        connection.once('error', refuse)
        connection.once('end', () => refuse(Object.assign(new Error('the connection was closed'), { code: 'ECONNECTION' })))
        connection.send({ from: from === '' ? false : from, to: [...to.keys()], size, use8BitMime: eightBit, requireTLSExtensionEnabled: requireTls, ...(dsn ? { dsn } : {}) } as never, octets, (error, result) => { if (error) refuse(error); else done(result as never) })
      })
      const verdicts = new Map<string, Verdict>([...to.keys()].map((address) => [address, { kind: 'delivered', status: '2.0.0', why: `${host} said: ${info.response.replace(/\s+/g, ' ').slice(0, 300)}`, host }]))
      for (const trouble of info.rejectedErrors ?? []) if (trouble.recipient !== undefined) verdicts.set(trouble.recipient, verdictOf(trouble, host))
      return { verdicts, broken: false, reports }
    } catch (error) {
      if (!Buffer.isBuffer(octets)) octets.destroy()
      const trouble = error as SmtpTrouble & { rejectedErrors?: readonly SmtpTrouble[] }
      const verdicts = new Map([...to.keys()].map((address) => [address, verdictOf(trouble, host)]))
      for (const one of trouble.rejectedErrors ?? []) if (one.recipient !== undefined) verdicts.set(one.recipient, verdictOf(one, host))
      // After a reply the conversation may go on; after anything else nobody knows where it stands.
      const answered = trouble.responseCode !== undefined && trouble.responseCode !== 421 && ['MAIL FROM', 'RCPT TO', 'DATA'].includes(trouble.command ?? '')
      const fresh = answered && this.usable && await new Promise<boolean>((done) => { connection.reset((failed) => done(!failed)) })
      return { verdicts, broken: !fresh, reports }
    } finally {
      if (lost) connection.removeListener('error', lost)
      connection.removeAllListeners('end')
    }
  }
}

/** As the server shows it. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = []
  for (let one = socket.getPeerCertificate(true); one?.raw && chain.length < 10; one = one.issuerCertificate) {
    chain.push(new X509Certificate(one.raw))
    if (one.issuerCertificate === one || !one.issuerCertificate?.raw || one.issuerCertificate.raw.equals(one.raw)) break
  }
  return chain
}

/** The address after 'rfc822;' as xtext (RFC 3461 4); an address of another kind has its own (RFC 6533 3), which is left as it is. */
function orcpt(original: string): string {
  const [, kind, address] = /^([^;]*);([^]*)$/.exec(original)!
  return `${kind};${address.replace(/[^\x21-\x2a\x2c-\x3c\x3e-\x7e]/g, (sign) => [...Buffer.from(sign)].map((octet) => `+${octet.toString(16).toUpperCase().padStart(2, '0')}`).join(''))}`
}
