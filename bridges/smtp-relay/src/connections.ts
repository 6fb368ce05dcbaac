// Conversations with mail servers: opened where a road leads, used for many messages, kept a moment for the next. This and
// outcome.ts are all that knows nodemailer.
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import type { Clock, Log } from '@restante/core'
import type { Config, TlsPolicy } from './config.js'
import { verdictOf, type SmtpTrouble, type Verdict } from './outcome.js'
import type { Host, Road } from './route.js'

export interface Parcel {
  /** '' is the null sender. */
  readonly from: string
  readonly to: readonly string[]
  readonly size: number
  readonly eightBit: boolean
  readonly octets: Readable
}
/** One verdict per recipient; `broken`: the connection cannot be used any more. */
export interface Delivered { readonly verdicts: ReadonlyMap<string, Verdict>; readonly broken: boolean }

export interface Conversation {
  readonly host: string
  send(parcel: Parcel): Promise<Delivered>
  /** Back to the pool, or away when it is broken. */
  done(broken: boolean): void
}

export interface ConnectionParts {
  readonly config: Pick<Config, 'connections' | 'reuse' | 'connectTimeout' | 'commandTimeout'>
  /** What we call ourselves. */
  readonly name: string
  readonly clock: Clock
  readonly log: Log
}

interface Idle { readonly connection: SMTPConnection; readonly timer: { clear(): void }; readonly host: string }
interface Slot { open: number; readonly idle: Idle[]; readonly waiting: (() => void)[] }

export class Connections {
  readonly #slots = new Map<string, Slot>()
  #closed = false
  constructor(private readonly parts: ConnectionParts) {}

  /** A conversation with the first host of the road that will have one. Else the verdict on all that should go there. */
  async open(road: Road, signal: AbortSignal): Promise<Conversation | Verdict> {
    let last: Verdict = { kind: 'temporary', status: '4.4.1', why: 'no host could be connected to' }
    for (const host of road.hosts) {
      for (const address of host.addresses) {
        if (signal.aborted || this.#closed) return { kind: 'temporary', status: '4.3.2', why: 'the gateway is shutting down' }
        const key = JSON.stringify([address, host.port, road.tls, road.login?.user ?? null])
        const slot = await this.#room(key)
        const idle = slot.idle.pop()
        idle?.timer.clear()
        if (idle && !idle.connection.destroyed) return this.#conversation(key, slot, idle.connection, idle.host)
        try {
          return this.#conversation(key, slot, await this.#connect(host, address, road), host.name)
        } catch (error) {
          this.#leave(key, slot)
          // Whatever this host says about itself, the next one may take the mail (RFC 5321 5.1).
          last = { ...verdictOf(error as SmtpTrouble, `${host.name} [${address}]`), kind: 'temporary' }
          if (last.status.startsWith('5')) last = { ...last, status: `4${last.status.slice(1)}` }
          this.parts.log.info({ host: host.name, address, why: last.why }, 'a mail server was not reached')
        }
      }
    }
    return last
  }

  close(): void {
    this.#closed = true
    for (const slot of this.#slots.values()) {
      for (const { connection, timer } of slot.idle.splice(0)) {
        timer.clear()
        connection.quit()
      }
      for (const wake of slot.waiting.splice(0)) wake()
    }
  }

  async #room(key: string): Promise<Slot> {
    const slot = this.#slots.get(key) ?? { open: 0, idle: [], waiting: [] }
    this.#slots.set(key, slot)
    while (slot.open >= this.parts.config.connections && !this.#closed) await new Promise<void>((wake) => { slot.waiting.push(wake) })
    slot.open++
    return slot
  }
  #leave(key: string, slot: Slot): void {
    slot.open--
    slot.waiting.shift()?.()
    if (slot.open === 0 && slot.idle.length === 0 && slot.waiting.length === 0) this.#slots.delete(key)
  }

  #conversation(key: string, slot: Slot, connection: SMTPConnection, host: string): Conversation {
    return {
      host,
      send: (parcel) => send(connection, parcel, host),
      done: (broken) => {
        if (broken || this.#closed || connection.destroyed) connection.close()
        else {
          const idle: Idle = { connection, host, timer: this.parts.clock.after(this.parts.config.reuse * 1000, () => {
            slot.idle.splice(slot.idle.indexOf(idle), 1)
            connection.quit()
            if (slot.open === 0 && slot.idle.length === 0) this.#slots.delete(key)
          }) }
          slot.idle.push(idle)
        }
        this.#leave(key, slot)
      },
    }
  }

  async #connect(host: Host, address: string, { tls, login }: Road): Promise<SMTPConnection> {
    try {
      return await this.#attempt(host, address, tls, login)
    } catch (error) {
      // Opportunistic: a handshake that fails is no reason to keep the mail (RFC 7435).
      if (tls !== 'opportunistic' || login || !isTlsTrouble(error as SmtpTrouble)) throw error
      this.parts.log.info({ host: host.name, address }, 'TLS fails with this server; going on without')
      return this.#attempt(host, address, 'off', login)
    }
  }

  async #attempt(host: Host, address: string, tls: TlsPolicy, login: Road['login']): Promise<SMTPConnection> {
    const { config, name } = this.parts
    const must = tls === 'required' || tls === 'verified' || (login !== undefined && tls !== 'off')
    const connection = new SMTPConnection({
      host: address, port: host.port, name, secure: host.port === 465 && tls !== 'off', connectionTimeout: config.connectTimeout * 1000, greetingTimeout: config.connectTimeout * 1000, socketTimeout: config.commandTimeout * 1000,
      ignoreTLS: tls === 'off', requireTLS: must && host.port !== 465, opportunisticTLS: !must,
      tls: { ...(isIP(host.name) ? {} : { servername: host.name }), minVersion: 'TLSv1.2', rejectUnauthorized: tls === 'verified' || (login !== undefined && tls !== 'off') },
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
      if (login) await new Promise<void>((done, refuse) => { connection.login({ user: login.user, pass: login.password, credentials: { user: login.user, pass: login.password } }, (error) => { if (error) refuse(error); else done() }) })
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }
}

async function send(connection: SMTPConnection, { from, to, size, eightBit, octets }: Parcel, host: string): Promise<Delivered> {
  let lost: ((error: Error) => void) | undefined
  try {
    const info = await new Promise<{ accepted: readonly string[]; rejectedErrors?: readonly SmtpTrouble[]; response: string }>((done, refuse) => {
      lost = refuse
      connection.once('error', refuse)
      connection.once('end', () => refuse(Object.assign(new Error('the connection was closed'), { code: 'ECONNECTION' })))
      connection.send({ from: from === '' ? false : from, to: [...to], size, use8BitMime: eightBit }, octets, (error, result) => { if (error) refuse(error); else done(result as never) })
    })
    const verdicts = new Map<string, Verdict>(to.map((address) => [address, { kind: 'delivered', status: '2.0.0', why: `${host} said: ${info.response.replace(/\s+/g, ' ').slice(0, 300)}`, host }]))
    for (const trouble of info.rejectedErrors ?? []) if (trouble.recipient !== undefined) verdicts.set(trouble.recipient, verdictOf(trouble, host))
    return { verdicts, broken: false }
  } catch (error) {
    octets.destroy()
    const trouble = error as SmtpTrouble & { rejectedErrors?: readonly SmtpTrouble[] }
    const verdicts = new Map(to.map((address) => [address, verdictOf(trouble, host)]))
    for (const one of trouble.rejectedErrors ?? []) if (one.recipient !== undefined) verdicts.set(one.recipient, verdictOf(one, host))
    // After a reply the conversation may go on; after anything else nobody knows where it stands.
    const answered = trouble.responseCode !== undefined && trouble.responseCode !== 421 && ['MAIL FROM', 'RCPT TO', 'DATA'].includes(trouble.command ?? '')
    if (answered && !connection.destroyed) {
      const fresh = await new Promise<boolean>((done) => { connection.reset((failed) => done(!failed)) })
      return { verdicts, broken: !fresh }
    }
    return { verdicts, broken: true }
  } finally {
    if (lost) connection.removeListener('error', lost)
    connection.removeAllListeners('end')
  }
}

const isTlsTrouble = ({ code, command, message }: SmtpTrouble): boolean => code === 'ETLS' || (code === 'ESOCKET' && /ssl|tls|certificate|handshake|secure/i.test(`${command ?? ''} ${message}`)) || command === 'STARTTLS'
