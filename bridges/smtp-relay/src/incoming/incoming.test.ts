// The parts of the check on incoming mail: bounds that keep libraries cheap, the domain's wish, who vouches.
import { describe, expect, it } from 'vitest'
import { readHead } from './head.js'
import { silentLog } from '@restante/core'
import { makeIncoming } from './check.js'
import { dispositionOf, voucherOf } from './policy.js'
import { boundedTxt } from './records.js'

const head = (text: string, signatures = 10) => readHead((async function* () { yield Buffer.from(text, 'latin1') })(), signatures)

describe('a header', () => {
  it.each<[string, string, readonly string[] | undefined, string | undefined]>([
    ['plain', 'From: Ann <ann@Example.org>\r\nSubject: x\r\n\r\nFrom: eve@evil.test', ['example.org'], undefined],
    ['two fields', 'From: a@one.test\r\nfrom: b@two.test\r\n\r\n', ['one.test', 'two.test'], undefined],
    ['a group, a comment, a name that lies', 'From: us: "x@lie.test" <a@one.test>, b@one.test (c@other.test);\r\n\r\n', ['one.test'], undefined],
    ['an IDN in UTF-8', 'From: a@b\xc3\xbccher.test\r\n\r\n', ['xn--bcher-kva.test'], undefined],
    ['no From', 'Subject: x\r\n\r\n', undefined, undefined], ['a From without address', 'From: nobody\r\n\r\n', undefined, undefined],
    ['no header', '\r\nFrom: a@one.test', undefined, undefined], ['nothing', '', undefined, undefined],
    ['five domains', 'From: a@a.test, a@b.test, a@c.test, a@d.test, a@e.test\r\n\r\n', undefined, undefined],
    ['many signatures', `${'DKIM-Signature: x\r\n'.repeat(6)}${'ARC-Seal: x\r\n'.repeat(6)}From: a@one.test\r\n\r\n`, ['one.test'], '12 signatures'],
    ['folded without end', `From: a@one.test\r\nX: y\r\n${' y\r\n'.repeat(2000)}\r\n`, ['one.test'], 'more than 2000 lines of header'],
    ['semicolons without end', `From: ${'a;'.repeat(3000)}\r\n\r\n`, undefined, 'a very long From'],
    ['From below two thousand fields', `${'X: y\r\n'.repeat(2001)}From: a@one.test\r\n\r\n`, undefined, 'more than 2000 lines of header'],
    ['without end', `X: ${'y'.repeat(300_000)}\r\nFrom: a@one.test\r\n\r\n`, undefined, 'a very large header'],
  ])('%s', async (_, text, authors, odd) => expect(await head(text)).toEqual({ authors, odd }))
})
it("a domain's wish is followed as far as the configuration goes", () => {
  const done = (allowed: 'none' | 'junk' | 'refuse', result: string, policy: string, pct = 100, chance = 50) => dispositionOf(allowed, { result, policy, pct }, chance)
  expect([done('none', 'fail', 'reject'), done('junk', 'fail', 'reject'), done('refuse', 'fail', 'reject')]).toEqual(['none', 'junk', 'refuse'])
  expect([done('junk', 'fail', 'quarantine'), done('refuse', 'fail', 'quarantine'), done('refuse', 'fail', 'none')]).toEqual(['junk', 'junk', 'none'])
  expect([done('refuse', 'pass', 'reject'), done('refuse', 'temperror', 'reject'), done('refuse', 'permerror', '')]).toEqual(['none', 'none', 'junk'])
  // For a part of the mail: the others get the milder policy.
  expect([done('refuse', 'fail', 'reject', 50, 49), done('refuse', 'fail', 'reject', 50, 50), done('refuse', 'fail', 'quarantine', 0, 0)]).toEqual(['refuse', 'junk', 'none'])
})
it('a chain of ARC is followed back only through those that are trusted', () => {
  const link = (sealer: string, dmarc?: string) => ({ sealer, dmarc })
  const trusted = ['lists.test', 'Forward.test']
  expect(voucherOf([link('lists.test', 'pass')], trusted)).toBe('lists.test')
  expect(voucherOf([link('lists.test', 'pass'), link('forward.test', 'fail')], trusted)).toBe('lists.test')
  expect(voucherOf([link('lists.test', 'pass'), link('stranger.test', 'pass')], trusted)).toBeUndefined()
  expect(voucherOf([link('stranger.test', 'pass'), link('lists.test', 'fail')], trusted)).toBeUndefined()
  expect(voucherOf([link('lists.test')], trusted)).toBeUndefined()
  expect(voucherOf([], trusted)).toBeUndefined()
})

describe('records of 64 KiB', () => {
  const message = Buffer.from('DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=evil.test; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\nFrom: a@evil.test\r\n\r\n')
  it.each([
    ['SPF that goes in circles', `v=spf1 redirect=evil.test ${'x=y '.repeat(15_000)}`], ['SPF of macros', `v=spf1 exists:${'%{i}'.repeat(16_000)}`], ['a DKIM key', `v=DKIM1; k=rsa; p=${'A'.repeat(64_000)}`],
    ['DKIM of nothing', `v=DKIM1;${';'.repeat(64_000)}`], ['DMARC of tags', `v=DMARC1;${'p=reject;'.repeat(7000)}`],
  ])('%s cost nothing, and prove nothing', async (_, text) => {
    const check = makeIncoming({ config: { check: true, dmarc: 'refuse', trustedSealers: [], iprev: false, signatures: 10 }, hostname: 'mx.test', log: silentLog, random: () => 0, resolve: boundedTxt(async () => [text.match(/.{1,255}/gs)]) })
    const begun = process.cpuUsage()
    const verdict = await check({ remoteAddress: '192.0.2.1', helo: 'x.test', sender: 'a@evil.test', recipients: [], size: message.length, octets: async function* () { yield message } })
    // Of work, not of time: a busy machine is not the record's fault.
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(500)
    expect(verdict).toMatchObject({ trace: expect.stringMatching(/spf=none [^]*dmarc=none/) })
  })
  it('others of the same name count', async () => {
    const resolve = boundedTxt(async () => [['x'.repeat(64_000)], ['v=spf1 -all']])
    expect(await resolve('a.test', 'TXT')).toEqual([['v=spf1 -all']])
  })
})
