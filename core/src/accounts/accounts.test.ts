// Where addresses lead, whose a sender is, who may log in: on each database, through a whole gateway without faces.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCore, type CoreUnderTest } from '../../../test/support/core.js'
import { databases } from '../../../test/support/databases.js'

for (const kind of databases) describe(kind, () => {
  let core: CoreUnderTest
  beforeAll(async () => { core = await startCore(kind, { accounts: 3, set: ['accounts.catchAll=user0003@example.test', 'accounts.throttle.failuresPerAccount=4', 'accounts.throttle.failuresPerAddress=1000'] }) })
  afterAll(() => core?.stop())
  const accounts = () => core.gateway.accounts
  const leadsTo = async (address: string): Promise<string> => {
    const found = await accounts().resolve(address)
    return found.kind === 'account' ? found.account.name : found.kind
  }

  describe('resolving', () => {
    it('addresses, letters and quotes aside', async () => {
      for (const text of [core.name(1), core.name(1).toUpperCase(), '"user0001"@example.test', 'user0001@EXAMPLE.TEST.']) expect(await leadsTo(text)).toBe(core.name(1))
      await expect(leadsTo('nobody')).rejects.toMatchObject({ code: 'ADDRESS_INVALID' })
      expect(await leadsTo('user0001@elsewhere.example')).toBe('foreign')
    })

    it("aliases, the domain's catch-all, then the gateway's; the more exact one wins", async () => {
      await accounts().addDomain('Second.Example')
      await accounts().addAddress(core.name(1), 'sales@second.example')
      expect(await leadsTo('Sales@second.example')).toBe(core.name(1))
      expect(await leadsTo('anything@second.example')).toBe(core.name(3))
      await accounts().addAddress(core.name(2), '*@second.example')
      expect(await leadsTo('anything@second.example')).toBe(core.name(2))
      expect(await leadsTo('sales@second.example')).toBe(core.name(1))
      expect(await leadsTo('anything@example.test')).toBe(core.name(3))
      // The sign of the catch-all is no address.
      await expect(leadsTo('*@second.example')).rejects.toMatchObject({ code: 'ADDRESS_INVALID' })
      await accounts().removeAddress('*@second.example')
      expect(await leadsTo('anything@second.example')).toBe(core.name(3))
      await accounts().removeAddress('SALES@second.example')
      expect(await leadsTo('sales@second.example')).toBe(core.name(3))
    })

    it('who got an address by a catch-all only is told apart', async () => {
      expect((await accounts().resolveAll([core.name(1), 'anything@example.test', core.name(3)])).map((found) => found.kind === 'account' && found.gathered)).toEqual([undefined, true, undefined])
    })
    it('several at once, in order, also when they are asked for twice', async () => {
      const texts = ['x@foreign.example', core.name(2), 'unknown1@example.test', core.name(1), core.name(2)]
      for (let i = 0; i < 2; i++) {
        expect((await accounts().resolveAll(texts)).map((found) => (found.kind === 'account' ? found.account.name : found.kind))).toEqual(['foreign', core.name(2), core.name(3), core.name(1), core.name(2)])
      }
      expect(await accounts().resolveAll([])).toEqual([])
    })

    it('a thousand at once', async () => {
      const found = await accounts().resolveAll(Array.from({ length: 1000 }, (_, i) => (i % 2 ? core.name(1) : `some${i}@example.test`)))
      expect(found.map((one) => one.kind === 'account' && one.account.name)).toEqual(found.map((_, i) => core.name(i % 2 ? 1 : 3)))
    })

    it('a disabled account is nobody, at once', async () => {
      await accounts().setEnabled(core.name(2), false)
      expect(await leadsTo(core.name(2))).toBe('unknown')
      await accounts().setEnabled(core.name(2), true)
      expect(await leadsTo(core.name(2))).toBe(core.name(2))
    })
  })

  it('an account owns its addresses, and what its catch-all gathers', async () => {
    await accounts().addDomain('owned.example')
    const [one, two] = await Promise.all([1, 2].map(async (n) => (await accounts().byName(core.name(n)))!))
    await accounts().addAddress(one.name, 'info@owned.example')
    await accounts().addAddress(two.name, '*@owned.example')
    const owners = async (address: string): Promise<boolean[]> => [await accounts().owns(one, address), await accounts().owns(two, address)]
    expect(await owners('info@owned.example')).toEqual([true, false])
    expect(await owners('INFO@OWNED.example')).toEqual([true, false])
    expect(await owners('other@owned.example')).toEqual([false, true])
    expect(await owners('info@elsewhere.example')).toEqual([false, false])
    for (const text of ['', 'nonsense', '*@owned.example']) expect(await owners(text)).toEqual([false, false])
  })

  it('accounts are made all or none', async () => {
    const before = await core.count('accounts')
    for (const [wanted, code] of [
      [['new1@example.test', core.name(1)], 'ACCOUNT_EXISTS'], [['new1@example.test', 'NEW1@example.test'], 'ACCOUNT_EXISTS'], [['new1@example.test', 'new2@elsewhere.example'], 'NOT_LOCAL'], [['new1@example.test', 'new 2'], 'ADDRESS_INVALID'],
    ] as const) await expect(accounts().add(wanted.map((address) => ({ address })))).rejects.toMatchObject({ code })
    await expect(accounts().add([{ address: 'new1@example.test', hash: 'plain text' }])).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await accounts().addAddress(core.name(1), 'alias@example.test')
    await expect(accounts().add([{ address: 'new1@example.test' }, { address: 'alias@example.test' }])).rejects.toMatchObject({ code: 'ADDRESS_EXISTS' })
    expect(await core.count('accounts')).toBe(before)
    expect(await accounts().add([])).toEqual([])
  })

  it('domains: those of the configuration stay, those with addresses too', async () => {
    await accounts().addDomain('third.example')
    await accounts().addDomain('THIRD.example')
    expect((await accounts().domains()).filter(({ name }) => name === 'third.example')).toEqual([{ name: 'third.example', configured: false }])
    await accounts().addAddress(core.name(1), 'a@third.example')
    await expect(accounts().removeDomain('third.example')).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await accounts().removeAddress('a@third.example')
    await accounts().removeDomain('third.example')
    expect(await leadsTo('a@third.example')).toBe('foreign')
    await expect(accounts().removeDomain('third.example')).rejects.toMatchObject({ code: 'ADDRESS_NOT_FOUND' })
    await expect(accounts().removeDomain('example.test')).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await expect(accounts().addDomain('not a domain')).rejects.toMatchObject({ code: 'ADDRESS_INVALID' })
    await expect(accounts().addAddress(core.name(1), 'a@third.example')).rejects.toMatchObject({ code: 'NOT_LOCAL' })
    await expect(accounts().addAddress('nobody@example.test', 'b@example.test')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
  })

  describe('logging in', () => {
    const from = (address: string) => ({ service: 'test', remoteAddress: address })
    const login = (name: string, password: string, address = '192.0.2.1') => core.gateway.authenticator.password(name, password, from(address))

    it('with the password, remembered or not; not with another, nor when it was changed or the account disabled', async () => {
      await accounts().add([{ address: 'login@example.test', password: 'first' }])
      for (let i = 0; i < 2; i++) expect((await login('Login@example.test', 'first')).name).toBe('login@example.test')
      await expect(login('login@example.test', 'First')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      await accounts().setPassword('login@example.test', 'second')
      await expect(login('login@example.test', 'first')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      expect((await login('login@example.test', 'second')).name).toBe('login@example.test')
      await accounts().setEnabled('login@example.test', false)
      await expect(login('login@example.test', 'second')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      await accounts().setEnabled('login@example.test', true)
      expect((await login('login@example.test', 'second')).name).toBe('login@example.test')
    })

    it('with imported keys; and not at all without any', async () => {
      const hash = await accounts().exportHash('login@example.test')
      await accounts().add([{ address: 'imported@example.test', hash }, { address: 'locked@example.test' }])
      expect((await login('imported@example.test', 'second')).name).toBe('imported@example.test')
      for (const password of ['', 'undefined', 'null']) await expect(login('locked@example.test', password, '192.0.2.9')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
    })

    it('an unknown name fails like a wrong password, and both are throttled', async () => {
      await expect(login('nobody@example.test', 'x')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', message: 'Authentication failed' })
      await accounts().add([{ address: 'guessed@example.test', password: 'right' }])
      for (const name of ['guessed@example.test', 'unheard-of@example.test']) {
        for (let i = 0; i < 4; i++) await expect(login(name, `guess${i}`, '198.51.100.1')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
        await expect(login(name, 'right', '198.51.100.1')).rejects.toMatchObject({ code: 'AUTHENTICATION_THROTTLED' })
      }
    })

    it('SCRAM shows made-up keys for unknown names: the same each time, different for each', async () => {
      const first = async (name: string): Promise<string> => (await core.gateway.authenticator.scram(from('192.0.2.5')).first(`n,,n=${name},r=abc`)).replace(/^r=[^,]*,/, '')
      const known = await first('imported@example.test')
      const unknown = await first('nobody-at-all@example.test')
      expect(unknown).toMatch(/^s=[\w+/]{22}==,i=\d+$/)
      expect(unknown.replace(/^s=[^,]*/, '')).toBe(known.replace(/^s=[^,]*/, ''))
      expect(await first('nobody-at-all@example.test')).toBe(unknown)
      expect(await first('another-nobody@example.test')).not.toBe(unknown)
    })

    it('APOP only for those who opted in, until they opt out', async () => {
      await accounts().add([{ address: 'apop@example.test', password: 'x' }])
      const apop = (secret: string) => core.gateway.authenticator.apop('apop@example.test', '<1@here>', createHash('md5').update(`<1@here>${secret}`).digest('hex'), from('192.0.2.6'))
      await expect(apop('tanstaaf')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      await accounts().setApopSecret('apop@example.test', 'tanstaaf')
      expect((await apop('tanstaaf')).name).toBe('apop@example.test')
      await expect(apop('other')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      await accounts().setApopSecret('apop@example.test', null)
      await expect(apop('tanstaaf')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      await expect(apop('')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
    })
  })

  it('quotas: figures of the account, and what is used', async () => {
    await accounts().add([{ address: 'small@example.test', quotaOctets: 1000, quotaMessages: 2 }])
    const account = (await accounts().byName('small@example.test'))!
    await core.gateway.mailboxes.provide([account.id])
    await accounts().checkQuota(account, 900)
    await expect(accounts().checkQuota(account, 1001)).rejects.toMatchObject({ code: 'OVER_QUOTA' })
    await core.submit(['small@example.test'], 'Subject: one\r\n\r\nHi\r\n')
    const { octets, ...rest } = await accounts().usage(account.id)
    expect(rest).toEqual({ messages: 1, quotaOctets: 1000, quotaMessages: 2 })
    expect(octets).toBeGreaterThan(20)
    await core.submit(['small@example.test'], 'Subject: two\r\n\r\nHi\r\n')
    await expect(accounts().checkQuota(account, 1)).rejects.toMatchObject({ code: 'OVER_QUOTA' })
    await accounts().setQuota('small@example.test', { octets: 0, messages: 0 })
    await accounts().checkQuota((await accounts().byName('small@example.test'))!, 10_000_000)
  })
})
