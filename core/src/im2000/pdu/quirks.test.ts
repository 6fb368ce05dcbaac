// The errata and ambiguities Q1-Q25 of the modules (im2000.md A.4): each has its resolution in one place, and a test of its
// name. Those that are about behaviour are under test where it is: the names say where.
import { describe, expect, it } from 'vitest'
import { readVectors, vector } from '../../../../test/support/vectors.js'
import { encodeFramed } from '../der/framer.js'
import { Malformed } from '../der/reader.js'
import { decode, type Type } from '../der/types.js'
import { deliveryStatus } from './msoap-responses.js'
import { msoap } from './msoap.js'
import { msrap } from './msrap.js'
import { rnaqp } from './rnaqp.js'
import { rnasp } from './rnasp.js'

const pdus: Record<string, Type<any>> = { MSOAP: msoap.pdu, MSRAP: msrap.pdu, RNASP: rnasp.pdu, RNAQP: rnaqp.pdu }
const find = (name: string) => readVectors('quirks.hex').find((one) => one.name === name)!
const pduOf = (name: string): Type<any> => pdus[find(name).title.slice(0, 5)]
const read = (name: string): any => decode(pduOf(name), find(name).octets.subarray(4))
/** What the fixture means, after making sure that we write it just so. */
const both = (name: string): any => {
  const value = read(name)
  expect(encodeFramed(pduOf(name), value).toString('hex')).toBe(find(name).octets.toString('hex'))
  return value.kind === 'command' ? value.value.commanddata.value : value.value
}
const first = (name: string): any => both(name).notifications[0]

describe('quirks', () => {
  it('Q1 a label is written with tag 16 and read with 16 and 0C; elsewhere the number does not show', () => {
    expect(first('Q01').recipient).toEqual({ localpart: 'lucy', domain: ['example', 'org'] })
    const octets = Buffer.from(find('Q01').octets.subarray(4).toString('hex').replace('16076578616d706c65', '0c076578616d706c65'), 'hex')
    expect(decode(rnasp.pdu, octets)).toEqual(read('Q01'))
    const other = Buffer.from(octets.toString('hex').replace('0c076578616d706c65', '04076578616d706c65'), 'hex')
    expect(() => decode(rnasp.pdu, other)).toThrow(Malformed)
  })
  it('Q2 a context tag over a CHOICE is explicit', () => {
    expect(first('Q02').storeclear).toEqual({ kind: 'literals', value: [{ address: { kind: 'version4', value: Buffer.from([192, 0, 2, 2]) }, port: 8193 }] })
  })
  it('Q3 unnamed alternatives have no effect on the wire: the tag alone tells', () => expect(vector('rnasp.hex', 'W35')[4]).toBe(0xa2))
  it('Q4 capitals and a comma in the module have no effect on the wire', () => expect(Object.keys(read('Q02').value.commanddata.value.notifications[0].storeclear.value[0])).toEqual(['address', 'port']))
  it('Q5 the field spelt with three n is called pinned', () => expect(decode(deliveryStatus, Buffer.from('8001078101038201ff', 'hex'))).toEqual({ notificationstatus: 'silenced', read: 'readall', pinned: true }))
  it('Q6 QuerySize is malformed and cannot be written', () => {
    expect(() => read('Q06')).toThrow(Malformed)
    expect(() => encodeFramed(msrap.pdu, { kind: 'command', value: { commanddata: { kind: 'querySize', value: {} } } } as any)).toThrow()
  })
  it('Q7 the response of Retrieve is [4]', () => expect(both('Q07').responsedata.kind).toBe('retrieve'))
  it('Q8 data and size share [0] and are told apart by their places; size under [1] is understood', () => {
    expect(both('Q08').responsedata.value).toEqual({ data: Buffer.from('hello'), size: 1234n })
    expect(decode<any>(msrap.pdu, vector('hostile.hex', 'N20').subarray(4)).value).toEqual(read('Q08').value)
  })
  it('Q9 endtime holds all of INTEGER (0..MAX) as we bound it', () => expect(both('Q09').responsedata.value.endtime).toBe(2n ** 63n - 1n))
  it('Q10 date is an INTEGER (0..MAX)', () => expect(both('Q10').responsedata.value.notifications[0].date).toBe(1080308716n))
  it('Q11 a list name must be UTF-8 of 1 to 255 octets', () => {
    expect(() => read('Q11')).toThrow(Malformed)
    for (const listname of ['', 'x'.repeat(256)]) expect(() => encodeFramed(msrap.pdu, { kind: 'command', value: { commanddata: { kind: 'scanList', value: { listname, begintime: 0n } } } })).toThrow(RangeError)
  })
  it('Q12 errornotauthenticated is written as 3 and read as 3 and 7', () => {
    expect(read('Q12').value.status).toBe('errornotauthenticated')
    expect(encodeFramed(rnaqp.pdu, read('Q12')).toString('hex')).toBe(vector('rnaqp.hex', 'W40').toString('hex'))
  })
  it('Q13 neither MSRAP nor RNASP has a command to authenticate', () => {
    for (const name of ['msrap', 'rnasp'] as const) for (const one of readVectors(`${name}.hex`)) expect(one.title).not.toContain('Authenticate')
  })
  it('Q14 a refused batch has one status for all', () => expect(both('Q14')).toMatchObject({ forceabort: true, status: 'errorinternalproblem' }))
  it('Q15 no clear service is no literals', () => expect(first('Q15')).toMatchObject({ storeclear: { kind: 'literals', value: [] }, storessl: { kind: 'domain', value: ['net'] } }))
  it('Q16 an agent is not configured over RNAQP: there are two commands', () => {
    for (const tag of ['a2', 'a3', 'a4']) expect(() => decode(rnaqp.pdu, Buffer.from(`a104a002${tag}00`, 'hex'))).toThrow(Malformed)
  })
  it('Q17 an unknown list answers errornosuchmessage', () => expect(both('Q17').status).toBe('errornosuchmessage'))
  it('Q18 slips of the pages: MSRAP, RNASP, MSOAP, RNAQP are the names', () => expect([msrap.name, rnasp.name, msoap.name, rnaqp.name]).toEqual(['msrap', 'rnasp', 'msoap', 'rnaqp']))
  it('Q19 a last chunk may name no identifier at all, or many', () => {
    expect(decode<any>(msoap.pdu, vector('msoap.hex', 'W14').subarray(4)).value.responsedata.value).toEqual({})
    expect(decode<any>(msoap.pdu, vector('msoap.hex', 'W15').subarray(4)).value.responsedata.value).toMatchObject({ recipients: { length: 1 }, lists: { length: 1 } })
  })
  it('Q20 an unknown status in a response is an error of unknown kind; an unknown value in a command is malformed', () => {
    expect(both('Q20')).toMatchObject({ forceabort: true, status: 99 })
    expect(() => decode(msrap.pdu, vector('hostile.hex', 'N13').subarray(4))).toThrow(Malformed)
  })
  it('Q21 lifetime 0 stands for itself', () => expect(both('Q21').lifetime).toBe(0n))
  it('Q22 times are seconds since 1970', () => expect(new Date(Number(read('Q10').value.responsedata.value.notifications[0].date) * 1000).toISOString()).toBe('2004-03-26T13:45:16.000Z'))
  it('Q23 absent and empty lists are both read', () => {
    expect(both('Q23').recipients).toEqual([])
    expect(both('Q21').recipients).toBeUndefined()
  })
  it('Q24 equal entries stay two', () => expect(both('Q24').recipients).toHaveLength(2))
  it('Q25 no END and no object identifier: a PDU is only its CHOICE', () => expect(vector('rnaqp.hex', 'W38').subarray(4).toString('hex')).toBe('a104a002a100'))
})
