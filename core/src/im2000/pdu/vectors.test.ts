// The worked examples W01-W44 and the hostile ones N01-N20 (im2000.md A.5, A.6) against the declarations: listed values,
// octet for octet; and OpenSSL reads what we write.
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { readVectors } from '../../../../test/support/vectors.js'
import { encodeFramed, Framer, FramingBroken } from '../der/framer.js'
import { Malformed } from '../der/reader.js'
import { decode, type Type } from '../der/types.js'
import { msoap } from './msoap.js'
import { msrap } from './msrap.js'
import { rnaqp } from './rnaqp.js'
import { rnasp } from './rnasp.js'

const id1 = Buffer.from('8f1d5a60b2c34e7790a1d2e3f4051627', 'hex')
const id2 = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
const lucy = { localpart: 'lucy', domain: ['example', 'org'] }
const ben = { localpart: 'ben', domain: ['example', 'com'] }
const list = Buffer.from('upgrade-to-im2000')
const store = { kind: 'domain', value: ['store', 'example', 'net'] }
const command = (kind: string, value: unknown) => ({ kind: 'command', value: { commanddata: { kind, value } } })
const response = (forceabort: boolean, status: string | number, kind = 'null', value: unknown = {}) => ({ kind: 'response', value: { forceabort, status, responsedata: { kind, value } } })
const version4 = { kind: 'version4', value: Buffer.from([192, 0, 2, 2]) }
const version6 = { kind: 'version6', value: Buffer.from('20010db8000000000000000000000002', 'hex') }
const full = { storeclear: store, storessl: store, recipient: lucy, identifier: id1, sender: 'toby', size: 1234n }
const literal = { storeclear: { kind: 'literals', value: [{ address: version4, port: 8193 }, { address: version6, port: 8193 }] }, recipient: lucy, identifier: id1, sender: 'toby' }
const submitter = { address: { kind: 'version4', value: Buffer.from([192, 0, 2, 2]) }, port: 49152 }

const values: Record<string, unknown> = {
  W01: command('authenticate', { account: 'toby', password: 's3cret' }),
  W02: command('submitEnvelope', { recipients: [lucy, ben], lists: [list], lifetime: 2592000n }),
  W03: command('submitEnvelope', { recipients: [lucy], lifetime: 0n }),
  W04: command('submitMsgChunk', { islast: true, offset: 0n, data: Buffer.from('Subject: hi\r\n\r\nhello\r\n') }),
  W05: command('submitMsgChunk', { islast: false, offset: 32768n, data: Buffer.from('abcd') }),
  W06: command('track', { identifier: id1 }),
  W07: command('cancel', { identifier: id1 }),
  W08: response(true, 'errormalformedpdu'),
  W09: response(true, 'errorcommandtimeout'),
  W10: response(true, 'errornotauthenticated'),
  W11: response(false, 'noerror', 'authenticate'),
  W12: response(false, 'noerror', 'submitEnvelope', { recipients: ['acceptable', 'acceptable'], lists: ['acceptable'] }),
  W13: response(true, 'errornotpermitted', 'submitEnvelope', { recipients: ['acceptable', 'acceptable'], lists: ['submissionaccessdenied'] }),
  W14: response(false, 'noerror', 'submitMsgChunk'),
  W15: response(false, 'noerror', 'submitMsgChunk', { recipients: [id1], lists: [id2] }),
  W16: response(false, 'noerror', 'track', { status: { notificationstatus: 'notifying', read: 'unread', pinned: true } }),
  W17: response(false, 'noerror', 'track', { status: { notificationstatus: 'silenced', read: 'readall', pinned: false } }),
  W18: response(false, 'noerror', 'cancel'),
  W19: response(true, 'errorlifetimetooshort'),
  W20: command('scanList', { listname: 'upgrade-to-im2000', begintime: 1080000000n }),
  W21: command('silence', { identifier: id1 }),
  W22: command('unPin', { identifier: id1 }),
  W23: command('retrieve', { identifier: id1, type: 'nothing', offset: 0n, length: 0n }),
  W24: command('retrieve', { identifier: id1, type: 'all', offset: 0n, length: 65536n }),
  W25: response(true, 'errornosuchmessage'),
  W26: response(false, 'noerror', 'scanList', { messages: [id1, id2], endtime: 1080100000n }),
  W27: response(false, 'noerror', 'scanList', { messages: [], endtime: 1080100000n }),
  W28: response(false, 'noerror', 'silence'),
  W29: response(false, 'noerror', 'unPin'),
  W30: response(false, 'noerror', 'retrieve', { data: Buffer.from('hello'), size: 1234n }),
  W31: response(false, 'noerror', 'retrieve', { data: Buffer.alloc(0), size: 1234n }),
  W32: command('notify', { notifications: [full] }),
  W33: command('notify', { notifications: [literal] }),
  W34: command('notify', { notifications: [] }),
  W35: response(false, 'noerror', 'notify'),
  W36: response(true, 'errorinternalproblem'),
  W37: command('authenticate', { account: '32869', password: 's3cret' }),
  W38: command('retrieveAndClear', {}),
  W39: response(true, 'errormalformedpdu'),
  W40: response(true, 'errornotauthenticated'),
  W41: response(false, 'noerror', 'authenticate'),
  W42: response(false, 'noerror', 'retrieveAndClear', { notifications: [] }),
  W43: response(false, 'noerror', 'retrieveAndClear', { notifications: [{ notification: full, submitter, date: 1080308716n }] }),
  W44: response(false, 'noerror', 'retrieveAndClear', { notifications: [{ notification: full, submitter: { ...submitter, domain: ['out', 'example', 'net'] }, date: 1080308716n }] }),
}
const protocols = { msoap, msrap, rnasp, rnaqp }
const pdus: Record<string, Type<any>> = Object.fromEntries(Object.entries(protocols).map(([name, { pdu }]) => [name, pdu]))

describe('T5 worked examples', () => {
  for (const name of Object.keys(protocols)) {
    for (const { name: number, title, octets } of readVectors(`${name}.hex`)) {
      it(`${number} ${title}`, () => {
        expect(octets.readUInt32BE()).toBe(octets.length - 4)
        expect(decode(pdus[name], octets.subarray(4))).toEqual(values[number])
        expect(encodeFramed(pdus[name], values[number]).toString('hex')).toBe(octets.toString('hex'))
      })
    }
  }
  it('all 44 are here', () => expect(Object.keys(protocols).flatMap((name) => readVectors(`${name}.hex`)).map((one) => one.name)).toEqual(Object.keys(values)))
})

describe('hostile and boundary vectors', () => {
  for (const { name, title, octets } of readVectors('hostile.hex')) {
    it(`${name} ${title}`, () => {
      const protocol = title.slice(0, title.indexOf(':')).toLowerCase()
      if (protocol === 'any') {
        const framer = new Framer(1024)
        framer.push(octets)
        return expect(() => framer.next()).toThrow(FramingBroken)
      }
      const read = (): { kind: string } => decode(pdus[protocol], octets.subarray(4))
      if (/ACCEPT/.test(title)) expect(read().kind).toBe(name === 'N20' ? 'response' : 'command')
      else if (name === 'N03') expect(read().kind).toBe('response') // the session knows that it is none for a server
      else expect(read).toThrow(Malformed)
    })
  }
  it('T8 N17, N18, N19 mean what they mean without the unknown element; T19 N20 what W30 means', () => {
    const of = (protocol: keyof typeof protocols, name: string): unknown => decode(pdus[protocol], readVectors('hostile.hex').find((one) => one.name === name)!.octets.subarray(4))
    expect(of('rnasp', 'N17')).toEqual(values.W33)
    expect(of('msrap', 'N18')).toEqual(values.W21)
    expect(of('msoap', 'N19')).toEqual(values.W03)
    expect(of('msrap', 'N20')).toEqual(values.W30)
  })
})

describe('openssl asn1parse', () => {
  it('reads every PDU that we write', () => {
    for (const [name, value] of Object.entries(values)) {
      const protocol = Object.keys(protocols).find((one) => readVectors(`${one}.hex`).some((vector) => vector.name === name))!
      const { status, stdout, stderr } = spawnSync('openssl', ['asn1parse', '-inform', 'DER'], { input: encodeFramed(pdus[protocol], value).subarray(4) })
      expect(`${name} ${status} ${stderr.toString()}`).toBe(`${name} 0 `)
      expect(stdout.toString()).toMatch(/^\s+0:d=0 .* cont \[ [12] \]/)
    }
  })
})
