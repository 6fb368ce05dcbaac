// 100,000 frames that no honest client sends, over real sockets: each gets the answer that it deserves or ends its session, no
// session leaks, memory stays. FUZZ=n runs n times as many; FUZZ_SEED repeats a run.
import { createServer, connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '@restante/core'
import { frame } from '../../core/dist/im2000/der/framer.js'
import { Malformed } from '../../core/dist/im2000/der/reader.js'
import { decode } from '../../core/dist/im2000/der/types.js'
import { serve } from '../../core/dist/im2000/session/server.js'
import { createIdleWheel } from '../../core/dist/net/idle.js'
import { makeRnasp } from '../../core/dist/rna/rnasp.js'
import { protocolNames, protocols, startIm2000, type Im2000, type ProtocolName, type RawSession } from '../support/im2000.js'
import { readVectors } from '../support/vectors.js'

const frames = 100_000 * Number(process.env.FUZZ ?? 1)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
const perSession = 50
const lanes = 8

/** Small, fast, and the same everywhere (mulberry32). */
function randomness(from: number): (below: number) => number {
  let state = from >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

const vectors = Object.fromEntries(protocolNames.map((name) => [name, readVectors(`${name}.hex`).map((one) => one.octets.subarray(4))])) as Record<ProtocolName, Buffer[]>
const hostile = readVectors('hostile.hex').map((one) => one.octets.subarray(4)).filter((one) => one.length > 0)
const edges = [0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xa0, 0xa1, 0xff]

/** A PDU of the protocol, of another, of none; then changed in a few places, cut, or lengthened. */
function mutant(name: ProtocolName, random: (below: number) => number): Buffer {
  const from = random(10)
  const other = vectors[protocolNames[random(4)]]
  let octets = from === 0 ? Buffer.from(Array.from({ length: 1 + random(300) }, () => random(256)))
    : Buffer.from(from === 1 ? hostile[random(hostile.length)] : from === 2 ? other[random(other.length)] : vectors[name][random(vectors[name].length)])
  for (let edits = random(5); edits > 0; edits--) {
    const at = random(octets.length)
    switch (random(6)) {
      case 0: octets[at] = random(256); break
      case 1: octets[at] = edges[random(edges.length)]; break
      case 2: octets[at] ^= 1 << random(8); break
      case 3: octets = octets.subarray(0, Math.max(1, at)); break
      case 4: octets = Buffer.concat([octets.subarray(0, at), octets.subarray(random(octets.length))]); break
      default: octets = Buffer.concat([octets.subarray(0, at), Buffer.alloc(1 + random(8), random(256)), octets.subarray(at)])
    }
    if (octets.length === 0) octets = Buffer.of(random(256))
  }
  return octets.length > 4000 ? octets.subarray(0, 4000) : octets
}

describe(`seed ${seed}`, () => {
  let im: Im2000
  const sessions = 40
  beforeAll(async () => {
    im = await startIm2000({ accounts: 2, set: ['plugins.im2000.malformed=1000', 'plugins.im2000.frame=2', 'im2000.outbound.dnsServers=["127.0.0.1:9"]', ...protocolNames.map((name) => `plugins.im2000.${name}.sessions=${sessions}`), 'accounts.scramIterations=4096'] })
  })
  afterAll(() => im?.stop())

  it('T6 T7 mutated, cut and random frames get the answer that they deserve, or end their session', async () => {
    let done = 0
    const seen = new Map<string, number>()
    const lane = async (n: number): Promise<void> => {
      const random = randomness(seed * 31 + n)
      while (done < frames) {
        const name = protocolNames[random(4)]
        const session = await im.raw(name)
        if ((name === 'msoap' || name === 'rnaqp') && random(4) > 0) await session.ask('authenticate', { account: im.name(1), password: im.password })
        for (let i = 0; i < perSession; i++) {
          const octets = mutant(name, random)
          session.send(frame(octets))
          done++
          const said = await session.answer()
          if (said === 'closed') break
          const status = String(said.status)
          seen.set(status, (seen.get(status) ?? 0) + 1)
          // What our codec cannot read as a command must be called malformed.
          if (!isCommand(name, octets) && status !== 'errormalformedpdu') throw new Error(`seed ${seed}: ${name} answers ${octets.toString('hex')} with ${status}`)
          if (said.abort !== (status !== 'noerror')) throw new Error(`seed ${seed}: ${octets.toString('hex')} is answered ${status}, abort ${said.abort}`)
        }
        // Many leave in the middle of a frame.
        if (random(2) === 0) session.send(frame(Buffer.alloc(100)).subarray(0, random(104)))
        session.hangUp()
      }
    }
    const before = process.memoryUsage().rss
    await Promise.all(Array.from({ length: lanes }, (_, n) => lane(n)))
    expect(done).toBeGreaterThanOrEqual(frames)
    // Not only refusals: the mutants reach what is behind the codec.
    for (const status of ['noerror', 'errormalformedpdu', 'errornotauthenticated', 'errornosuchmessage', 'errorunexpectedcommand']) expect(seen.get(status) ?? 0, status).toBeGreaterThan(20)
    expect(seen.get('errorinternalproblem') ?? 0).toBe(0)
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20)
  }, 300_000)

  it('and afterwards every session is free again', async () => {
    for (const name of protocolNames) {
      const all: RawSession[] = []
      await expect.poll(async () => {
        for (const session of all.splice(0)) session.hangUp()
        for (let i = 0; i < sessions; i++) all.push(await im.raw(name))
        const answers = await Promise.all(all.map((session) => session.send(Buffer.from('00000002a100', 'hex')).answer()))
        return answers.filter((answer) => answer !== 'closed').length
      }, { timeout: 20_000 }).toBe(sessions)
      for (const session of all) session.hangUp()
    }
  }, 60_000)

  it('B38 what is announced is not held: long frames that never come cost what was sent', async () => {
    const all = await Promise.all(Array.from({ length: sessions }, () => im.raw('msoap')))
    const before = process.memoryUsage()
    for (const session of all) session.send(Buffer.from('000ffffe' + 'a1'.repeat(1000), 'hex'))
    await Promise.all(all.map((session) => new Promise<void>((sent) => { session.socket.write(Buffer.of(0), () => sent()) })))
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers + after.external - before.external).toBeLessThan(16 * 2 ** 20)
    for (const session of all) expect(await session.answer()).toMatchObject({ status: 'errorcommandtimeout' })
  }, 30_000)
})

function isCommand(name: ProtocolName, octets: Buffer): boolean {
  try {
    return decode<any>(protocols[name].pdu, octets).kind === 'command'
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}

it('B39 one octet a second is not a command: the frame must be complete in its time, however busy it trickles', async () => {
  let now = 0
  const timers = new Set<{ at: number; run: () => void }>()
  const clock = {
    now: () => now,
    after(ms: number, run: () => void) {
      const timer = { at: now + ms, run }
      timers.add(timer)
      return { clear: () => { timers.delete(timer) } }
    },
  }
  const advance = (ms: number): void => {
    for (const end = now + ms; now < end;) {
      now = Math.min(end, ...[...timers].map((timer) => timer.at).filter((at) => at > now))
      for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.run()
    }
  }
  const server = createServer()
  await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready) })
  const accepted = new Promise<Socket>((done) => { server.once('connection', done) })
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  const socket = await accepted
  const transcript = { client: () => undefined, server: () => undefined, trouble: () => undefined }
  const connection = { id: 'x', log: silentLog, socket, secure: false, channelBinding: undefined, remoteAddress: '127.0.0.1', remotePort: 1, localAddress: '', localPort: 0, loopback: true, startTls: () => Promise.reject(new Error('no')), transcript, draining: new AbortController().signal, destroy: () => socket.destroy() }
  const over = serve(connection as never, makeRnasp({ agent: { notify: async () => undefined } }), { pduOctets: 65_536, idleMs: 60_000, frameMs: 60_000, malformed: 3 }, createIdleWheel(clock as never))
  const heard: Buffer[] = []
  client.on('data', (chunk) => heard.push(chunk))
  const octets = frame(readVectors('rnasp.hex')[0].octets.subarray(4))
  let sent = 0
  let ended = false
  void over.then(() => { ended = true })
  while (!ended && sent < octets.length) {
    client.write(octets.subarray(sent, ++sent))
    while (socket.bytesRead < sent && !ended) await new Promise(setImmediate)
    advance(1000)
    await new Promise(setImmediate)
  }
  await over
  expect(sent).toBeGreaterThanOrEqual(58)
  expect(sent).toBeLessThanOrEqual(63)
  await new Promise<void>((done) => { client.once('end', done).resume() })
  expect(Buffer.concat(heard).toString('hex')).toBe('0000000ca20a8001ff810102a202a000')
  client.destroy()
  server.close()
})
