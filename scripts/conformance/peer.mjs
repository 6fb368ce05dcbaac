// A session with the implementation under test: frames out, frames in, nothing of our client's rules. And the vectors.
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Framer, frame } from '../../core/dist/im2000/der/framer.js'
import { decode, encode } from '../../core/dist/im2000/der/types.js'
import { protocols } from '../../core/dist/im2000/describe.js'

/** The implementation did not do what the statement asks for. */
export class Violation extends Error {}

export function must(condition, what) {
  if (!condition) throw new Violation(what)
}

const shown = (said) => (said === 'closed' ? 'the connection was closed' : `${said.kind}${said.abort ? ' abort' : ''} ${said.status}`)

export class Session {
  static async open(protocol, { host, port, tls = false }, patienceMs = 20_000) {
    const socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port, noDelay: true })
    await new Promise((done, refuse) => { socket.once(tls ? 'secureConnect' : 'connect', done).once('error', refuse) })
    return new Session(protocol, socket, patienceMs)
  }
  #framer = new Framer(2 ** 24)
  #wake = () => undefined
  closed = false
  constructor(protocol, socket, patienceMs) {
    this.protocol = protocol
    this.socket = socket
    this.patienceMs = patienceMs
    socket.on('data', (chunk) => { this.#framer.push(chunk); this.#wake() }).on('close', () => { this.closed = true; this.#wake() }).on('error', () => undefined)
  }
  send(octets) {
    this.socket.write(octets)
    return this
  }
  command(kind, value = {}) {
    return this.send(frame(encode(protocols[this.protocol].pdu, { kind: 'command', value: { commanddata: { kind, value } } })))
  }
  /** The next PDU, or undefined when the connection was closed first. */
  async pdu() {
    let late = false
    const timer = setTimeout(() => { late = true; this.#wake() }, this.patienceMs)
    try {
      for (;;) {
        const pdu = this.#framer.next()
        if (pdu) return pdu
        if (this.closed) return undefined
        if (late) throw new Violation(`no answer within ${this.patienceMs / 1000} s`)
        await new Promise((resolve) => { this.#wake = resolve })
      }
    } finally {
      clearTimeout(timer)
    }
  }
  async answer() {
    const pdu = await this.pdu()
    if (!pdu) return 'closed'
    must(pdu[0] === 0xa2, `an answer that begins with ${pdu[0].toString(16)}`)
    const { value } = decode(protocols[this.protocol].pdu, pdu)
    return { abort: value.forceabort, status: value.status, kind: value.responsedata.kind, value: value.responsedata.value }
  }
  ask(kind, value) {
    return this.command(kind, value).answer()
  }
  /** An answer that took effect; its fields. */
  async good(kind, value) {
    const said = await this.ask(kind, value)
    must(said !== 'closed' && !said.abort && said.status === 'noerror' && said.kind === kind, `${kind}: ${shown(said)}`)
    return said.value
  }
  /** An aborting answer of this status. */
  async refused(kind, value, status) {
    this.command(kind, value)
    await this.refusal(status, kind)
  }
  async refusal(status, what = 'the answer') {
    const said = await this.answer()
    must(said !== 'closed' && said.abort && said.status === status, `${what}: ${shown(said)} instead of abort ${status}`)
    return said
  }
  async ends(what) {
    must(await this.answer() === 'closed', `${what}: the connection stays open`)
  }
  close() {
    this.socket.destroy()
  }
}

const vectors = new Map()
for (const file of ['msoap', 'msrap', 'rnasp', 'rnaqp', 'hostile']) {
  let name
  for (const line of readFileSync(new URL(`../../test/fixtures/der/${file}.hex`, import.meta.url), 'utf8').split('\n')) {
    const begun = /^# ([WN]\d\d)(?: (\w+):)?/.exec(line)
    if (begun) vectors.set(name = begun[1], { protocol: begun[2]?.toLowerCase(), hex: '' })
    else if (name && !line.startsWith('#')) vectors.get(name).hex += line.replace(/#.*/, '').replace(/\s/g, '')
  }
}
/** A vector of im2000.md A.5 and A.6, with its length in front. */
export const vector = (name) => Buffer.from(vectors.get(name).hex, 'hex')
/** Whose a hostile vector is. */
export const protocolOf = (name) => vectors.get(name).protocol
