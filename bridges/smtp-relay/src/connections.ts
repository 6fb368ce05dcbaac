// Conversations with mail servers: opened where a road leads, used for many messages, kept a moment for the next.
import { isIPv6 } from 'node:net'
import type { Clock, Log } from '@restante/core'
import { Client, type Delivered, type Parcel } from './client.js'
import type { Config, TlsPolicy } from './config.js'
import { verdictOf, type SmtpTrouble, type Verdict } from './outcome.js'
import type { Host, Road } from './route.js'
import { resultOf, type TlsResult } from './tls/results.js'

export interface Conversation {
  readonly host: string
  send(parcel: Parcel): Promise<Delivered>
  /** Back to the pool, or away when it is broken. */
  done(broken: boolean): void
}

export interface ConnectionParts {
  readonly config: Pick<Config, 'connections' | 'source' | 'reuse' | 'connectTimeout' | 'commandTimeout'>
  /** What we call ourselves. */
  readonly name: string
  readonly authorities: () => readonly string[] | undefined
  /** Told of each conversation that was opened, or was not: for reports on TLS (RFC 8460). */
  readonly heard?: (domain: string, host: Host, address: string, result: TlsResult) => void
  readonly clock: Clock
  readonly log: Log
}

interface Idle { readonly client: Client; readonly timer: { clear(): void } }
interface Slot { open: number; readonly idle: Idle[]; readonly waiting: (() => void)[] }

export class Connections {
  readonly #slots = new Map<string, Slot>()
  #closed = false
  constructor(private readonly parts: ConnectionParts) {}

  /** A conversation with the first host of the road that will have one. Else the verdict on all that should go there. */
  async open(road: Road, domain: string, signal: AbortSignal): Promise<Conversation | Verdict> {
    let last: Verdict = { kind: 'temporary', status: '4.4.1', why: 'no host could be connected to' }
    /** None goes on with TLS; unless another could not be asked, that will not change. */
    let lax: Verdict | undefined
    let others = 0
    if (road.requireTls && road.hosts.length === 0) return { kind: 'permanent', status: '5.7.30', why: 'no mail exchanger proves that it is one of the domain, and the sender requires TLS all the way (REQUIRETLS)' }
    for (const host of road.hosts) {
      for (const address of host.addresses) {
        if (signal.aborted || this.#closed) return { kind: 'temporary', status: '4.3.2', why: 'the gateway is shutting down' }
        const tls = host.tls ?? road.tls
        const source = sourceOf(road.source ?? this.parts.config.source, address, domain)
        const key = JSON.stringify([address, host.port, source ?? null, tls, host.name, host.tlsa?.map(({ certificate }) => certificate.toString('hex')) ?? null, road.login?.user ?? null])
        const slot = await this.#room(key, road.connections ?? this.parts.config.connections)
        const idle = slot.idle.pop()
        idle?.timer.clear()
        try {
          const client = idle?.client.usable ? idle.client : await this.#connect(host, address, tls, road.login, source)
          if (client !== idle?.client) this.parts.heard?.(domain, host, address, resultOf(client.tls))
          if (!road.requireTls || client.requiresTls) return this.#conversation(key, slot, client)
          lax = { kind: 'permanent', status: '5.7.30', why: `${host.name} does not promise to go on with TLS, which the sender requires (REQUIRETLS)`, host: host.name }
          this.#conversation(key, slot, client).done(false)
        } catch (error) {
          this.#leave(key, slot)
          others++
          this.parts.heard?.(domain, host, address, resultOf(error as SmtpTrouble))
          // Whatever this host says about itself, the next one may take the mail (RFC 5321 5.1).
          last = { ...verdictOf(error as SmtpTrouble, `${host.name} [${address}]`), kind: 'temporary' }
          if (last.status.startsWith('5')) last = { ...last, status: `4${last.status.slice(1)}` }
          this.parts.log.info({ host: host.name, address, why: last.why }, 'a mail server was not reached')
        }
      }
    }
    return lax && others === 0 ? lax : last
  }

  close(): void {
    this.#closed = true
    for (const slot of this.#slots.values()) {
      for (const { client, timer } of slot.idle.splice(0)) {
        timer.clear()
        client.quit()
      }
      for (const wake of slot.waiting.splice(0)) wake()
    }
  }

  async #room(key: string, most: number): Promise<Slot> {
    const slot = this.#slots.get(key) ?? { open: 0, idle: [], waiting: [] }
    this.#slots.set(key, slot)
    while (slot.open >= most && !this.#closed) await new Promise<void>((wake) => { slot.waiting.push(wake) })
    slot.open++
    return slot
  }
  #leave(key: string, slot: Slot): void {
    slot.open--
    slot.waiting.shift()?.()
    if (slot.open === 0 && slot.idle.length === 0 && slot.waiting.length === 0) this.#slots.delete(key)
  }

  #conversation(key: string, slot: Slot, client: Client): Conversation {
    return {
      host: client.host,
      send: (parcel) => client.send(parcel),
      done: (broken) => {
        if (broken || this.#closed || !client.usable) client.close()
        else {
          const idle: Idle = { client, timer: this.parts.clock.after(this.parts.config.reuse * 1000, () => {
            slot.idle.splice(slot.idle.indexOf(idle), 1)
            client.quit()
            if (slot.open === 0 && slot.idle.length === 0) this.#slots.delete(key)
          }) }
          slot.idle.push(idle)
        }
        this.#leave(key, slot)
      },
    }
  }

  async #connect(host: Host, address: string, tls: TlsPolicy, login: Road['login'], source: string | undefined): Promise<Client> {
    try {
      return await this.#attempt(host, address, tls, login, source)
    } catch (error) {
      // Opportunistic: a handshake that fails is no reason to keep the mail (RFC 7435).
      if (tls !== 'opportunistic' || host.tlsa || login || !isTlsTrouble(error as SmtpTrouble)) throw error
      this.parts.log.info({ host: host.name, address }, 'TLS fails with this server; going on without')
      return this.#attempt(host, address, 'off', login, source)
    }
  }

  #attempt(host: Host, address: string, tls: TlsPolicy, login: Road['login'], source: string | undefined): Promise<Client> {
    const { config, name, clock } = this.parts
    const authorities = this.parts.authorities()
    return Client.open({ config, name, host, address, tls, login, now: () => clock.now(), ...(authorities ? { authorities } : {}), ...(source ? { source } : {}) })
  }
}

/** The same for a domain always: some servers believe an address more when they know it. */
function sourceOf(sources: readonly string[], address: string, domain: string): string | undefined {
  const some = sources.filter((source) => isIPv6(source) === isIPv6(address))
  return some[[...domain].reduce((sum, sign) => (sum * 31 + sign.charCodeAt(0)) >>> 0, 7) % Math.max(1, some.length)]
}

const isTlsTrouble = ({ code, command, message }: SmtpTrouble): boolean => code === 'ETLS' || (code === 'ESOCKET' && /ssl|tls|certificate|handshake|secure/i.test(`${command ?? ''} ${message}`)) || command === 'STARTTLS'
