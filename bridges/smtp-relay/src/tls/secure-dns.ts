// Questions to a validating resolver, whose word on what is authentic is believed (DNSSEC: the AD bit, RFC 4035 3.2.3). node:dns
// does not show that bit.
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIP } from 'node:net'
import { AUTHENTIC_DATA, decode, DNSSEC_OK, encode, RECURSION_DESIRED, streamEncode, type DecodedPacket, type RecordType } from 'dns-packet'

/** `failed`: no answer, or one that cannot be true (a validating resolver says SERVFAIL of those). */
export type SecureAnswer =
  | { readonly kind: 'answer'; readonly secure: boolean; readonly data: readonly unknown[]; /** Where aliases lead (CNAME). */ readonly name: string }
  | { readonly kind: 'none'; readonly secure: boolean }
  | { readonly kind: 'failed'; readonly why: string }
export type SecureDns = (name: string, type: RecordType | 'TLSA') => Promise<SecureAnswer>

const tries = 2
const mostAliases = 8

/** @param resolver '127.0.0.1', '[::1]:5353' @param timeoutMs of one attempt */
export function makeSecureDns({ resolver, timeoutMs }: { readonly resolver: string; readonly timeoutMs: number }): SecureDns {
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(resolver)!
  const address = six ?? four
  const at = { address, port: Number(port ?? 53) }
  return async (name, type) => {
    let why = 'no answer'
    for (let i = 0; i < tries; i++) {
      try {
        return answerOf(await ask(at, name, type, timeoutMs), name, type)
      } catch (error) {
        why = (error as Error).message
      }
    }
    return { kind: 'failed', why: `${type} of ${name}: ${why}` }
  }
}

interface Where { readonly address: string; readonly port: number }

async function ask(at: Where, name: string, type: string, timeoutMs: number): Promise<DecodedPacket> {
  const id = randomInt(65_536)
  const query = {
    type: 'query' as const, id, flags: RECURSION_DESIRED | AUTHENTIC_DATA, questions: [{ type: type as RecordType, name }],
    additionals: [{ type: 'OPT' as const, name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: DNSSEC_OK, flag_do: true, options: [] }],
  }
  const fits = (packet: DecodedPacket): boolean => packet.type === 'response' && packet.id === id && packet.questions?.[0]?.name.toLowerCase() === name.toLowerCase() && packet.questions[0].type === type
  const short = await overUdp(at, encode(query as never), fits, timeoutMs)
  return short.flag_tc ? overTcp(at, streamEncode(query as never), fits, timeoutMs) : short
}

function overUdp({ address, port }: Where, query: Buffer, fits: (packet: DecodedPacket) => boolean, timeoutMs: number): Promise<DecodedPacket> {
  return new Promise((done, refuse) => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
    const end = (act: () => void): void => { clearTimeout(timer); socket.close(); act() }
    const timer = setTimeout(() => end(() => refuse(new Error('the resolver does not answer'))), timeoutMs)
    socket.on('error', (error) => end(() => refuse(error)))
    socket.on('message', (octets) => {
      const packet = parsed(octets)
      // Somebody else's word is not an answer: the true one may still come.
      if (packet && fits(packet)) end(() => done(packet))
    })
    // Connected: packets from elsewhere do not come through.
    socket.connect(port, address, () => socket.send(query))
  })
}

function overTcp({ address, port }: Where, query: Buffer, fits: (packet: DecodedPacket) => boolean, timeoutMs: number): Promise<DecodedPacket> {
  return new Promise((done, refuse) => {
    const socket = connect(port, address)
    let seen = Buffer.alloc(0)
    const end = (act: () => void): void => { clearTimeout(timer); socket.destroy(); act() }
    const timer = setTimeout(() => end(() => refuse(new Error('the resolver does not answer'))), timeoutMs)
    socket.on('error', (error) => end(() => refuse(error))).on('close', () => end(() => refuse(new Error('the resolver hung up'))))
    socket.on('connect', () => socket.write(query))
    // At most the 64 KiB that the length in front can say.
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk])
      if (seen.length < 2 || seen.length < 2 + seen.readUInt16BE(0)) return
      const packet = parsed(seen.subarray(2, 2 + seen.readUInt16BE(0)))
      end(() => { if (packet && fits(packet)) done(packet); else refuse(new Error('the resolver answered something else')) })
    })
  })
}

function parsed(octets: Buffer): DecodedPacket | undefined {
  try {
    return decode(octets)
  } catch {
    return undefined
  }
}

function answerOf(packet: DecodedPacket, asked: string, type: string): SecureAnswer {
  const { rcode } = packet as DecodedPacket & { rcode: string }
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') throw new Error(`the resolver says ${rcode}`)
  const secure = packet.flag_ad
  let name = asked.toLowerCase()
  const answers = (packet.answers ?? []) as { type: string; name: string; data: unknown }[]
  for (let i = 0; i < mostAliases; i++) {
    const alias = answers.find((one) => one.type === 'CNAME' && one.name.toLowerCase() === name)
    if (!alias) break
    name = String(alias.data).toLowerCase()
  }
  const data = answers.filter((one) => one.type === type && one.name.toLowerCase() === name).map((one) => one.data)
  return data.length === 0 ? { kind: 'none', secure } : { kind: 'answer', secure, data, name }
}
