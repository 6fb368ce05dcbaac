// The address guard: what strangers may make us connect to (im2000.md H7, T105).
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultSettings } from '../config/schema.js'
import { makeAddressGuard } from './address-guard.js'

const { allowNetworks, denyPorts } = defaultSettings().im2000.outbound
const byDefault = makeAddressGuard({ allow: allowNetworks, denyPorts })

describe('T105: by default', () => {
  it.each([
    '0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.100.100.200', '100.127.255.255', '127.0.0.1', '127.255.255.254',
    '168.63.129.16', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.0.192', '192.0.2.1', '192.88.99.1', '192.168.1.1',
    '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.7', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255',
    '::', '::1', '::127.0.0.1', '::8.8.8.8', '100::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1', '2001:db8::1', '3fff::1',
    '2001:2::1', '2001:20::1', '5f00::1', '4000::1', '64:ff9b:1::8.8.8.8',
    // What wraps one of these is one of these.
    '::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:10.0.0.1', '0:0:0:0:0:ffff:169.254.169.254', '::ffff:0:127.0.0.1',
    '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe', '2002:7f00:1::', '2002:a9fe:a9fe::1', '2002:c0a8:0101::1',
    '2001:0:4136:e378:8000:63bf:80ff:fffe', // Teredo: the client is 127.0.0.1, inverted
  ])('%s is not connected to', (address) => expect(byDefault.permits(address, 2702)).toBe(false))
  it.each([
    '1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.1', '169.253.0.1', '172.15.255.255', '172.32.0.0', '192.0.3.1',
    '198.17.255.255', '198.20.0.0', '223.255.255.255', '2606:4700::1111', '2001:4860:4860::8888', '2a00:1450::1', '3ffe::1',
    '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1', '2001:0:4136:e378:8000:63bf:f7f7:f7f7',
  ])('%s is', (address) => expect(byDefault.permits(address, 2702)).toBe(true))
  it.each([0, 22, 23, 25, 53, 110, 143, 465, 587, 993, 995, 6379, 11211, -1, 65_536, 2702.5, NaN])('port %s is not', (port) => expect(byDefault.permits('8.8.8.8', port)).toBe(false))
  it.each([80, 443, 1024, 2702, 65_535])('port %s is', (port) => expect(byDefault.permits('8.8.8.8', port)).toBe(true))
  it.each(['', 'localhost', '8.8.8.8.', '08.8.8.8', '8.8.8', '0x08.8.8.8', '134744072', '[2606:4700::1111]', '2606:4700::1111/64', 'example.org', '1.1.1.1 '])('%j is no address', (text) => expect(byDefault.permits(text, 2702)).toBe(false))
})

describe('networks that the owner allows', () => {
  const guard = makeAddressGuard({ allow: ['10.1.0.0/16', '::1', 'fd00:1::/32'], denyPorts: [25] })
  it.each(['10.1.0.1', '10.1.255.255', '::1', 'fd00:1::5', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3', '8.8.8.8'])('%s', (address) => expect(guard.permits(address, 2702)).toBe(true))
  it.each(['10.2.0.1', '127.0.0.1', 'fd00:2::5', '::2', '::ffff:10.2.0.1'])('not %s', (address) => expect(guard.permits(address, 2702)).toBe(false))
  it('no denied port on them either', () => expect(guard.permits('10.1.0.1', 25)).toBe(false))
  it('what is no network throws', () => expect(() => makeAddressGuard({ allow: ['inside'] })).toThrow(TypeError))
})

it('wrapping an IPv4 address in any form changes no answer', () => {
  fc.assert(fc.property(fc.ipV4(), (address) => {
    const hex = Buffer.from(address.split('.').map(Number)).toString('hex')
    const inverse = Buffer.from(address.split('.').map((octet) => Number(octet) ^ 0xff)).toString('hex')
    const groups = (text: string): string => `${text.slice(0, 4)}:${text.slice(4)}`
    const expected = byDefault.permits(address, 2702)
    for (const form of [`::ffff:${address}`, `::ffff:${groups(hex)}`, `64:ff9b::${address}`, `2002:${groups(hex)}::1`, `2001:0:102:304:0:0:${groups(inverse)}`]) {
      expect(byDefault.permits(form, 2702), form).toBe(expected)
    }
  }))
})
it('any text gets an answer', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6()), fc.integer(), (text, port) => {
    expect(typeof byDefault.permits(text, port)).toBe('boolean')
  }))
})
