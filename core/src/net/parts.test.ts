// The parts that need no socket: addresses, limits, the idle wheel, the mask, and the PROXY parser against all splits.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../base/clock.js'
import { countedAs, networks, splitAddress } from './addresses.js'
import { createIdleWheel } from './idle.js'
import { createLimits } from './limits.js'
import { parseProxyHeader } from './proxy-protocol.js'
import { createMask } from './transcript.js'

describe('addresses', () => {
  it.each([['127.0.0.1:25', '127.0.0.1', 25], ['[::1]:143', '::1', 143], [':0', undefined, 0], ['mail.example:2525', 'mail.example', 2525]])('%s', (text, host, port) => {
    expect(splitAddress(text)).toEqual({ host, port })
  })
  it.each(['', '25', '::1', '127.0.0.1:99999', 'a:b'])('refuses "%s"', (text) => expect(splitAddress(text)).toBeUndefined())
  it('an IPv6 customer has a /64', () => {
    expect(countedAs('2001:db8::1')).toBe(countedAs('2001:db8:0:0:ffff::2'))
    expect(countedAs('2001:db8::1')).not.toBe(countedAs('2001:db8:0:1::1'))
    expect(countedAs('::1')).toBe('0:0:0:0::/64')
    expect(countedAs('192.0.2.1')).toBe('192.0.2.1')
  })
  it('networks', () => {
    const trusted = networks(['10.0.0.0/8', '::1'])
    expect(['10.1.2.3', '11.0.0.1', '::1', '::2', ''].map(trusted)).toEqual([true, false, true, false, false])
    expect(() => networks(['nonsense'])).toThrow()
  })
})

it('limits count back down to nothing', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.constantFrom('192.0.2.1', '192.0.2.2', '127.0.0.1', '2001:db8::1'))), (steps) => {
    const total = { open: 0, max: 6 }
    const limits = createLimits(5, 2, total)
    const inside: string[] = []
    for (const [come, address] of steps) {
      if (come) {
        const why = limits.admit(address)
        const same = inside.filter((other) => other === address && address !== '127.0.0.1').length
        expect(why).toBe(inside.length >= 5 ? 'too-many' : same >= 2 ? 'too-many-from-address' : undefined)
        if (!why) inside.push(address)
      } else if (inside.length) limits.leave(inside.shift()!)
      expect(limits.open).toBe(inside.length)
      expect(total.open).toBe(inside.length)
    }
  }))
})

describe('the idle wheel', () => {
  /** A clock that stands until it is moved. */
  function standing(): Clock & { move(ms: number): void } {
    let now = 1_000_000
    let timers: { at: number; run: () => void }[] = []
    return {
      now: () => now,
      after(ms, run) {
        const timer = { at: now + ms, run }
        timers.push(timer)
        return { clear: () => void (timers = timers.filter((other) => other !== timer)) }
      },
      move(ms) {
        const end = now + ms
        for (;;) {
          const next = timers.sort((a, b) => a.at - b.at)[0]
          if (!next || next.at > end) break
          timers.shift()
          now = next.at
          next.run()
        }
        now = end
      },
    }
  }
  it('fires once, at most half a second late, and never early, however often touched', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 20_000 }), fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 30 }), (ms, touches) => {
      const clock = standing()
      const wheel = createIdleWheel(clock)
      let fired = 0
      const timer = wheel.watch(ms, () => (fired ||= clock.now()))
      let last = clock.now()
      for (const gap of touches) {
        clock.move(gap)
        if (fired) break
        timer.touch()
        last = clock.now()
      }
      clock.move(ms + 1001)
      expect(fired).toBeGreaterThanOrEqual(last + ms)
      expect(fired).toBeLessThanOrEqual(last + ms + 1000)
    }))
  })
  it('can be changed and stopped, and sleeps when nobody watches', () => {
    const clock = standing()
    const wheel = createIdleWheel(clock)
    const fired: string[] = []
    const a = wheel.watch(1000, () => fired.push('a'))
    const b = wheel.watch(1000, () => fired.push('b'))
    a.change(60_000)
    b.stop()
    clock.move(50_000)
    expect(fired).toEqual([])
    clock.move(11_000)
    expect(fired).toEqual(['a'])
    a.change(5)
    clock.move(3_600_000)
    wheel.watch(2000, () => fired.push('c'))
    clock.move(1900)
    expect(fired).toEqual(['a'])
    clock.move(700)
    expect(fired).toEqual(['a', 'c'])
  })
})

describe('the mask', () => {
  it.each<[string, string[], string[]]>([
    ['IMAP LOGIN', ['C a1 LOGIN ann secret', 'S a1 OK', 'C a2 NOOP'], ['a1 LOGIN ***', 'a1 OK', 'a2 NOOP']],
    ['IMAP LOGIN with literals', ['C a1 LOGIN {3}', 'S + go', 'C ann {6}', 'S + go', 'C secret', 'S a1 OK', 'C a2 NOOP'], ['a1 LOGIN ***', '+ ***', '***', '+ ***', '***', 'a1 OK', 'a2 NOOP']],
    ['IMAP AUTHENTICATE', ['C a1 AUTHENTICATE SCRAM-SHA-256', 'S + ', 'C bz1h', 'S + cj1i', 'C *', 'S a1 BAD', 'C a2 NOOP'], ['a1 AUTHENTICATE SCRAM-SHA-256', '+ ', '***', '+ ***', '*', 'a1 BAD', 'a2 NOOP']],
    ['IMAP initial response', ['C a1 authenticate plain AGFubg=='], ['a1 authenticate plain ***']],
    ['IMAP LITERAL+', ['C a1 LOGIN {3+}', 'C ann {6+}', 'C secret', 'S a1 OK'], ['a1 LOGIN ***', '***', '***', 'a1 OK']],
    ['POP3', ['C USER ann', 'S +OK', 'C PASS my pass word', 'S +OK', 'C STAT'], ['USER ann', '+OK', 'PASS ***', '+OK', 'STAT']],
    ['POP3 AUTH', ['C AUTH PLAIN', 'S + ', 'C AGFubg==', 'S +OK in', 'C STAT'], ['AUTH PLAIN', '+ ', '***', '+OK in', 'STAT']],
    ['SMTP AUTH', ['C AUTH LOGIN', 'S 334 VXNlcm5hbWU6', 'C YW5u', 'S 334 UGFzc3dvcmQ6', 'C c2VjcmV0', 'S 235 in', 'C MAIL FROM:<a@b>'], ['AUTH LOGIN', '334 ***', '***', '334 ***', '***', '235 in', 'MAIL FROM:<a@b>']],
    ['nothing secret', ['C a1 SELECT login', 'S * 3 EXISTS'], ['a1 SELECT login', '* 3 EXISTS']],
  ])('%s', (_, lines, masked) => {
    const mask = createMask()
    expect(lines.map((line) => (line[0] === 'C' ? mask.client(line.slice(2)) : mask.server(line.slice(2))))).toEqual(masked)
  })
})

describe('PROXY headers', () => {
  const v2 = (family: number, addresses: Buffer, command = 1): Buffer => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(addresses.length)
    return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), Buffer.from([0x20 | command, family]), length, addresses])
  }
  const v4 = Buffer.from([192, 0, 2, 9, 192, 0, 2, 1, 0, 25, 9, 0x29])
  const good = fc.oneof(
    fc.tuple(fc.ipV4(), fc.ipV4(), fc.nat(65_535), fc.nat(65_535)).map(([a, b, p, q]) => ({ data: Buffer.from(`PROXY TCP4 ${a} ${b} ${p} ${q}\r\n`), address: a, port: p })),
    fc.tuple(fc.uint8Array({ minLength: 12, maxLength: 12 }), fc.uint8Array({ maxLength: 40 })).map(([a, tlv]) => ({ data: v2(0x11, Buffer.concat([a, tlv])), address: a.slice(0, 4).join('.'), port: a[8]! * 256 + a[9]! })),
  )
  it('are understood at any split, and only the header is taken', () => {
    fc.assert(fc.property(good, fc.uint8Array({ maxLength: 20 }), ({ data, address, port }, rest) => {
      for (let n = 0; n < data.length; n++) expect(parseProxyHeader(data.subarray(0, n))).toBe('more')
      const parsed = parseProxyHeader(Buffer.concat([data, rest]))
      expect(parsed).toMatchObject({ length: data.length, from: { remoteAddress: address, remotePort: port } })
    }))
  })
  it('never throw, and decide within their limit', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string().map((s) => Buffer.from(`PROXY ${s}`))), (noise) => {
      parseProxyHeader(Buffer.from(noise))
      expect(parseProxyHeader(Buffer.concat([Buffer.from('PROXY '), Buffer.from(noise), Buffer.alloc(110, 'x')]))).not.toBe('more')
    }))
  })
  it('IPv6 comes out as sockets write it', () => {
    const address = Buffer.from('20010db8000000000000000000000001', 'hex')
    expect(parseProxyHeader(v2(0x21, Buffer.concat([address, address, Buffer.from([0, 1, 0, 2])])))).toMatchObject({ from: { remoteAddress: '2001:db8::1' } })
    expect(parseProxyHeader(v2(0x21, Buffer.concat([Buffer.alloc(16), Buffer.alloc(15), Buffer.from([1]), Buffer.alloc(4)])))).toMatchObject({ from: { remoteAddress: '::', localAddress: '::1' } })
  })
  it.each<[string, Buffer, unknown]>([
    ['LOCAL (health check)', v2(0, Buffer.alloc(0), 0), { length: 16, from: undefined }],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN whatever\r\n'), { length: 24, from: undefined }],
    ['a Unix socket', v2(0x31, Buffer.alloc(216)), { length: 232, from: undefined }],
    ['UDP', v2(0x12, v4), { length: 28, from: undefined }],
    ['too short a block', v2(0x11, Buffer.alloc(4)), 'malformed'],
    ['an enormous block', Buffer.concat([v2(0x11, v4).subarray(0, 14), Buffer.from([0xff, 0xff])]), 'malformed'],
    ['version 3', Buffer.concat([v2(0x11, v4).subarray(0, 12), Buffer.from([0x31, 0x11, 0, 12]), v4]), 'malformed'],
    ['a bad port', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 70000 1\r\n'), 'malformed'],
    ['a bad address', Buffer.from('PROXY TCP4 192.0.2.256 192.0.2.2 7 1\r\n'), 'malformed'],
    ['something else', Buffer.from('EHLO there\r\n'), 'malformed'],
  ])('%s', (_, data, outcome) => expect(parseProxyHeader(data)).toEqual(outcome))
})
