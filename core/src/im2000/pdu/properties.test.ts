// Random values come back as they were; random octets are read or refused, never anything else; frames come out whole
// wherever the stream is cut.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readVectors } from '../../../../test/support/vectors.js'
import { encodeFramed, frame, Framer, FramingBroken } from '../der/framer.js'
import { Malformed, Reader } from '../der/reader.js'
import { ctx, decode, encode, octets, seq, seqOf, uint, type Static, type Type } from '../der/types.js'
import { msoap } from './msoap.js'
import { msrap } from './msrap.js'
import { rnaqp } from './rnaqp.js'
import { rnasp } from './rnasp.js'

const buffer = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength }).map((one) => Buffer.from(one))
const identifier = buffer(16)
const text = (max: number, min = 0) => fc.string({ unit: 'binary', maxLength: max, minLength: min }).filter((one) => one.isWellFormed() && Buffer.byteLength(one) <= max && Buffer.byteLength(one) >= min)
const number = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.bigInt({ min: 0n, max: 300n }), fc.nat(62).map((bits) => 2n ** BigInt(bits)), fc.nat(62).map((bits) => 2n ** BigInt(bits) - 1n))
const domain = fc.array(text(40), { maxLength: 5 })
const mailBox = fc.record({ localpart: text(64), domain })
const port = fc.nat(65_535)
const address = fc.oneof(buffer(4).map((value) => ({ kind: 'version4' as const, value })), buffer(16).map((value) => ({ kind: 'version6' as const, value })))
const location = fc.oneof(
  fc.array(fc.record({ address, port }), { maxLength: 16 }).map((value) => ({ kind: 'literals' as const, value })),
  domain.map((value) => ({ kind: 'domain' as const, value })))
const notification = fc.record({ storeclear: location, storessl: location, recipient: mailBox, identifier, sender: text(255), size: number }, { requiredKeys: ['storeclear', 'recipient', 'identifier', 'sender'] })
const empty = fc.constant({})
const credentials = fc.record({ account: text(50), password: text(50) })
const named = fc.record({ identifier })
const submission = fc.constantFrom('acceptable' as const, 'submissionaccessdenied' as const)

const alternatives = (kinds: Record<string, fc.Arbitrary<unknown>>) => fc.oneof(...Object.entries(kinds).map(([kind, value]) => value.map((one) => ({ kind, value: one }))))
const pdu = (statuses: readonly string[], commands: Record<string, fc.Arbitrary<unknown>>, responses: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<any> => fc.oneof(
  alternatives(commands).map((commanddata) => ({ kind: 'command', value: { commanddata } })),
  fc.record({ forceabort: fc.boolean(), status: fc.oneof(fc.constantFrom(...statuses), fc.integer({ min: 100, max: 70_000 })), responsedata: alternatives({ null: empty, ...responses }) }).map((value) => ({ kind: 'response', value })))

const protocols: Record<string, { type: Type<any>; values: fc.Arbitrary<any> }> = {
  msoap: {
    type: msoap.pdu,
    values: pdu(msoap.statuses, {
      authenticate: credentials, track: named, cancel: named,
      submitEnvelope: fc.record({ recipients: fc.array(mailBox), lists: fc.array(buffer(0, 30)), lifetime: number }, { requiredKeys: ['lifetime'] }),
      submitMsgChunk: fc.record({ islast: fc.boolean(), offset: number, data: buffer(0, 400) }),
    }, {
      authenticate: empty, cancel: empty,
      submitEnvelope: fc.record({ recipients: fc.array(submission), lists: fc.array(submission) }, { requiredKeys: [] }),
      submitMsgChunk: fc.record({ recipients: fc.array(identifier), lists: fc.array(identifier) }, { requiredKeys: [] }),
      track: fc.record({ status: fc.record({ notificationstatus: fc.constantFrom('unprocessed', 'noservice', 'silenced'), read: fc.constantFrom('unread', 'readall'), pinned: fc.boolean() }) }),
    }),
  },
  msrap: {
    type: msrap.pdu,
    values: pdu(msrap.statuses, {
      scanList: fc.record({ listname: text(255, 1), begintime: number }), silence: named, unPin: named,
      retrieve: fc.record({ identifier, type: fc.constantFrom('nothing', 'summaryonly', 'headersonly', 'all'), offset: number, length: number }),
    }, { scanList: fc.record({ messages: fc.array(identifier), endtime: number }), silence: empty, unPin: empty, retrieve: fc.record({ data: buffer(0, 300), size: number }) }),
  },
  rnasp: { type: rnasp.pdu, values: pdu(rnasp.statuses, { notify: fc.record({ notifications: fc.array(notification, { maxLength: 4 }) }) }, { notify: empty }) },
  rnaqp: {
    type: rnaqp.pdu,
    values: pdu([...new Set(rnaqp.statuses)], { authenticate: credentials, retrieveAndClear: empty }, {
      authenticate: empty,
      retrieveAndClear: fc.record({ notifications: fc.array(fc.record({ notification, submitter: fc.record({ address, port, domain }, { requiredKeys: ['address', 'port'] }), date: number }), { maxLength: 3 }) }),
    }),
  },
}
const vectors = ['msoap', 'msrap', 'rnasp', 'rnaqp', 'hostile'].flatMap((name) => readVectors(`${name}.hex`)).map((one) => one.octets.subarray(4)).filter((one) => one.length > 0)
const times = Number(process.env.FUZZ ?? 1)

for (const [name, { type, values }] of Object.entries(protocols)) {
  describe(name, () => {
    it('T5 every value comes back as it was, and its octets too', () => {
      fc.assert(fc.property(values, (value) => {
        const octets = encode(type, value)
        expect(decode(type, octets)).toEqual(value)
        expect(encode(type, decode(type, octets)).equals(octets)).toBe(true)
      }), { numRuns: 500 * times })
    })
    it('random and mutated octets are read or Malformed, and what is read is written back the same or shorter', () => {
      const mutated = fc.tuple(fc.constantFrom(...vectors), fc.array(fc.tuple(fc.nat(200), fc.nat(255), fc.constantFrom('set', 'cut', 'insert')), { minLength: 1, maxLength: 4 })).map(([vector, edits]) => {
        let octets = Buffer.from(vector)
        for (const [at, octet, how] of edits) {
          const place = at % (octets.length || 1)
          if (how === 'set') octets[place] = octet
          else octets = how === 'cut' ? Buffer.concat([octets.subarray(0, place), octets.subarray(place + 1 + octet % 3)]) : Buffer.concat([octets.subarray(0, place), Buffer.of(octet), octets.subarray(place)])
        }
        return octets
      })
      fc.assert(fc.property(fc.oneof({ arbitrary: mutated, weight: 4 }, { arbitrary: buffer(0, 80), weight: 1 }), (octets) => {
        let value: unknown
        try {
          value = decode(type, octets)
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed)
          return
        }
        // Shorter where unknown elements were passed over.
        expect(encode(type, value).length).toBeLessThanOrEqual(octets.length)
      }), { numRuns: 3000 * times })
    })
  })
}

describe('the codec', () => {
  const one = seq({ number: ctx(0, uint) })
  it('bounds numbers at 2^63-1', () => {
    expect(decode(one, Buffer.from('80087fffffffffffffff', 'hex'))).toEqual({ number: 2n ** 63n - 1n })
    expect(() => decode(one, Buffer.from('8009008000000000000000', 'hex'))).toThrow(Malformed)
    expect(() => encode(one, { number: 2n ** 63n })).toThrow(RangeError)
    expect(() => encode(one, { number: -1n })).toThrow(RangeError)
  })
  it('B38 nests twelve deep and no deeper', () => {
    let type: Type<any> = seqOf(octets())
    let value: any = [Buffer.alloc(0)]
    for (let depth = 1; depth <= 13; depth++) {
      const written = encode(type, value)
      // The contents of a SEQUENCE; each level of `type` is one element within.
      if (depth <= 12) expect(type.read(new Reader(written), written.length)).toEqual(value)
      else expect(() => type.read(new Reader(written), written.length)).toThrow(/deeper/)
      type = seqOf(type)
      value = [value]
    }
  })
  it('B41 wants known elements in order, once, in their own form; passes over unknown ones anywhere', () => {
    const two = seq({ a: ctx(0, uint), b: ctx(1, uint) })
    const read = (hex: string): Static<typeof two> => decode(two, Buffer.from(hex, 'hex'))
    expect(read('800101810102')).toEqual({ a: 1n, b: 2n })
    expect(read('8500800101a5028001810102a600')).toEqual({ a: 1n, b: 2n })
    for (const bad of ['810102800101', '800101800101810102', '800101810102810102', 'a003020101810102', '800101', '80010181010285', '8001018101028580', '1f8101ff']) expect(() => read(bad), bad).toThrow(Malformed)
  })
})

describe('the framer', () => {
  const pdus = vectors.slice(0, 6)
  const stream = Buffer.concat(pdus.map(frame))
  const through = (chunks: readonly Buffer[], limit = 1024): Buffer[] => {
    const framer = new Framer(limit)
    const out: Buffer[] = []
    for (const chunk of chunks) {
      framer.push(chunk)
      for (let next = framer.next(); next; next = framer.next()) out.push(Buffer.from(next))
    }
    expect(framer.begun).toBe(false)
    return out
  }
  it('T2 gives whole PDUs at every split, and one octet at a time', () => {
    for (let at = 0; at <= stream.length; at++) expect(through([stream.subarray(0, at), stream.subarray(at)])).toEqual(pdus)
    expect(through([...stream].map((octet) => Buffer.of(octet)))).toEqual(pdus)
    fc.assert(fc.property(fc.array(fc.nat(stream.length), { maxLength: 8 }), (cuts) => {
      const sorted = [0, ...cuts.sort((a, b) => a - b), stream.length]
      expect(through(sorted.slice(1).map((to, i) => stream.subarray(sorted[i], to)))).toEqual(pdus)
    }))
  })
  it('T7 refuses length 0 and lengths above the limit as soon as they are known', () => {
    for (const [hex, limit] of [['00000000', 10], ['ffffffff', 10], ['0000000b', 10]] as const) {
      const framer = new Framer(limit)
      framer.push(Buffer.from(hex, 'hex'))
      expect(() => framer.next()).toThrow(FramingBroken)
    }
  })
  it('writes the length in front', () => expect(encodeFramed(rnaqp.pdu, decode(rnaqp.pdu, Buffer.from('a104a002a100', 'hex'))).toString('hex')).toBe('00000006a104a002a100'))
})
