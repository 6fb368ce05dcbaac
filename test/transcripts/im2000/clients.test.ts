// Our clients against servers that behave and servers that do not (im2000.md B9, B16, B17, B20; T16-T19).
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { MsoapClient, MsrapClient, RnaspClient } from '@restante/core'
import { vector } from '../../support/vectors.js'

const servers: Server[] = []
afterAll(() => { for (const server of servers) server.close() })

/** A server that says these frames, one per command; 'end' closes. */
async function saying(...answers: (Buffer | 'end')[]): Promise<{ host: string; port: number; answerMs: number; heard: Buffer[] }> {
  const heard: Buffer[] = []
  const server = createServer((socket: Socket) => {
    const left = [...answers]
    socket.on('data', (octets) => {
      heard.push(octets)
      const next = left.shift()
      if (next === 'end') socket.end()
      else if (next) socket.write(next)
    }).on('error', () => undefined)
  })
  servers.push(server)
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, answerMs: 300, heard }
}
const identifier = Buffer.alloc(16, 1)
const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')
const silenced = vector('msrap.hex', 'W28')

describe('clients', () => {
  it('T4 send frames whose first octet is A1', async () => {
    const where = await saying(silenced)
    const client = await MsrapClient.connect(where)
    await client.silence(identifier)
    expect(where.heard[0][4]).toBe(0xa1)
    expect(where.heard[0].readUInt32BE()).toBe(where.heard[0].length - 4)
  })
  it('T16 take the outcome from the abort flag: abort TRUE with noerror is aborted, and the session goes on', async () => {
    const client = await MsrapClient.connect(await saying(hex('0000000c a20a8001ff810100a202a200'), silenced))
    await expect(client.silence(identifier)).rejects.toMatchObject({ code: 'PEER_REFUSED', details: { aborted: true, status: 'noerror' } })
    await client.silence(identifier)
  })
  it('B10 B11 an error status without the abort flag is no abort, and no success', async () => {
    const client = await MsrapClient.connect(await saying(hex('0000000c a20a800100810106a202a200'), silenced))
    await expect(client.silence(identifier)).rejects.toMatchObject({ code: 'PEER_REFUSED', details: { aborted: false, status: 'errorinternalproblem' } })
    await client.silence(identifier)
  })
  it('T17 end the session on an unparsable answer, a command, a broken frame, silence or a hang-up, and say that the outcome is unknown', async () => {
    const answers = [hex('00000002a200'), vector('msrap.hex', 'W21'), hex('00000000'), hex('ffffffff'), hex('0000000da20a800100810100a202a20000'), undefined, 'end', hex('0000000ca20a')] as const
    for (const answer of answers) {
      const client = await MsrapClient.connect(await saying(...(answer === undefined ? [] : [answer])))
      await expect(client.silence(identifier), String(answer)).rejects.toMatchObject({ code: 'PEER_OUTCOME_UNKNOWN' })
      expect(client.session.open).toBe(false)
      await expect(client.silence(identifier)).rejects.toMatchObject({ code: 'PEER_GONE' })
    }
  })
  it('T18 treat another command\'s response without abort as a protocol error, Null too', async () => {
    for (const answer of [vector('msrap.hex', 'W29'), hex('0000000c a20a8001 00810100 a202a000')]) {
      const client = await MsrapClient.connect(await saying(answer))
      await expect(client.silence(identifier)).rejects.toMatchObject({ code: 'PEER_PROTOCOL_ERROR' })
      expect(client.session.open).toBe(false)
    }
  })
  it('T19 take N20 and W30 alike', async () => {
    const client = await MsrapClient.connect(await saying(vector('hostile.hex', 'N20'), vector('msrap.hex', 'W30')))
    for (let i = 0; i < 2; i++) expect(await client.retrieve(identifier, 'all', 0n, 5n)).toEqual({ data: Buffer.from('hello'), size: 1234n })
  })
  it('B20 take errorcommandtimeout as the end of the session, also when it came unasked', async () => {
    const asked = await MsrapClient.connect(await saying(vector('msoap.hex', 'W09')))
    await expect(asked.silence(identifier)).rejects.toMatchObject({ code: 'PEER_REFUSED', details: { status: 'errorcommandtimeout' } })
    expect(asked.session.open).toBe(false)
    const server = createServer((socket) => { socket.end(vector('msoap.hex', 'W09')) })
    servers.push(server)
    await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
    const unasked = await MsrapClient.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
    await expect.poll(() => unasked.session.open).toBe(false)
    await expect(unasked.silence(identifier)).rejects.toMatchObject({ code: 'PEER_REFUSED', details: { status: 'errorcommandtimeout' } })
  })
  it('B7 send no command before the answer to the last', async () => {
    const where = await saying(silenced, silenced, silenced)
    const client = await MsrapClient.connect(where)
    await Promise.all([1, 2, 3].map(() => client.silence(identifier)))
    expect(where.heard).toHaveLength(3)
  })
  it('Q20 judge an unknown status by the abort flag; E.10 read 7 as errornouser', async () => {
    const client = await RnaspClient.connect(await saying(hex('0000000c a20a8001ff810163a202a000'), hex('0000000c a20a8001ff810107a202a000')))
    await expect(client.notify([])).rejects.toMatchObject({ details: { status: 99, aborted: true } })
    await expect(client.notify([])).rejects.toMatchObject({ details: { status: 'errornouser', aborted: true } })
  })
  it('a refused envelope comes with its statuses', async () => {
    const client = await MsoapClient.connect(await saying(vector('msoap.hex', 'W13')))
    await expect(client.submitEnvelope({ lifetime: 0n })).rejects.toMatchObject({ details: { status: 'errornotpermitted', data: { kind: 'submitEnvelope', value: { lists: ['submissionaccessdenied'] } } } })
  })
  it('say where nobody listens', async () => {
    const { port } = await saying()
    servers.pop()!.close()
    await expect(MsoapClient.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  })
})
