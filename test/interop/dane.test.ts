// DANE with real DNSSEC: a zone signed by Debian's knot, validated by Debian's unbound, and certificates that its TLSA records do
// or do not vouch for (RFC 7672).
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash, type X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { startGateway } from '../support/gateway.js'
import { freePorts } from '../support/ports.js'
import { serverKey } from '../support/server-certificates.js'
import { startSink, type Sink } from '../support/smtp-sink.js'
import { until, workFolder } from './support/programs.js'

const exec = promisify(execFile)

describe('DANE', () => {
  const folder = workFolder()
  const children: ChildProcess[] = []
  let sink: Sink
  let gateway: Awaited<ReturnType<typeof startGateway>>
  const core = () => gateway.running.gateway
  beforeAll(async () => {
    chmodSync(folder.path, 0o755)
    const [authority, resolver] = await freePorts(2)
    // Nobody signed it: without DNSSEC there would be no reason to believe it.
    const key = await serverKey(['mx.signed.test'])
    sink = await startSink({ key: key.key, cert: key.cert })
    const spki = (certificate: X509Certificate): string => createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex')
    const other = await serverKey(['mx.signed.test'])
    const records = (apex: string): string => [
      '$TTL 60', `@ SOA ns.${apex}. admin.${apex}. 1 60 60 600 60`, '@ NS ns', 'ns A 127.0.0.1',
      '@ MX 10 mx', 'wrong MX 10 mx-wrong', 'plain MX 10 mx-plain', 'unusable MX 10 mx-unusable', 'alias MX 10 mx-alias', 'second MX 5 mx-wrong', 'second MX 10 mx',
      ...['mx', 'mx-wrong', 'mx-plain', 'mx-unusable'].map((name) => `${name} A 127.0.0.1`), 'mx-alias CNAME mx',
      `_${sink.port}._tcp.mx TLSA 3 1 1 ${spki(key.certificate)}`, `_${sink.port}._tcp.mx-wrong TLSA 3 1 1 ${spki(other.certificate)}`, `_${sink.port}._tcp.mx-unusable TLSA 1 1 1 ${spki(other.certificate)}`, '',
    ].join('\n')
    for (const one of ['knot/db', 'unbound']) mkdirSync(join(folder.path, one), { recursive: true })
    const knot = join(folder.path, 'knot')
    for (const zone of ['signed.test', 'unsigned.test']) writeFileSync(join(knot, `${zone}.zone`), records(zone))
    writeFileSync(join(knot, 'knot.conf'), `server:
    rundir: "${knot}"
    listen: 127.0.0.1@${authority}
database:
    storage: "${knot}/db"
policy:
  - id: own
    algorithm: ecdsap256sha256
    single-type-signing: on
    manual: off
template:
  - id: default
    storage: "${knot}"
    zonefile-load: difference-no-serial
    journal-content: all
    zonefile-sync: -1
zone:
  - domain: signed.test
    dnssec-signing: on
    dnssec-policy: own
  - domain: unsigned.test
`)
    children.push(spawn('/usr/sbin/knotd', ['-c', join(knot, 'knot.conf')], { stdio: 'ignore' }))
    const ds = await until(async () => {
      const { stdout } = await exec('/usr/sbin/keymgr', ['-c', join(knot, 'knot.conf'), 'signed.test', 'ds']).catch(() => ({ stdout: '' }))
      return stdout.split('\n').find((line) => / 13 2 /.test(line))
    }, 'the key of the zone')
    writeFileSync(join(folder.path, 'unbound', 'unbound.conf'), `server:
    directory: "${folder.path}/unbound"
    pidfile: "${folder.path}/unbound/pid"
    username: ""
    chroot: ""
    use-syslog: no
    interface: 127.0.0.1@${resolver}
    do-not-query-localhost: no
    local-zone: "test." nodefault
    domain-insecure: "unsigned.test"
    trust-anchor: "${ds}"
    trust-anchor: "bogus.test. DS 1 13 2 ${'00'.repeat(32)}"
    module-config: "validator iterator"
remote-control:
    control-enable: no
stub-zone:
    name: "signed.test"
    stub-addr: 127.0.0.1@${authority}
stub-zone:
    name: "unsigned.test"
    stub-addr: 127.0.0.1@${authority}
stub-zone:
    name: "bogus.test"
    stub-addr: 127.0.0.1@${authority}
`)
    execFileSync('/usr/sbin/unbound-checkconf', [join(folder.path, 'unbound', 'unbound.conf')], { stdio: 'pipe' })
    children.push(spawn('/usr/sbin/unbound', ['-d', '-c', join(folder.path, 'unbound', 'unbound.conf')], { stdio: 'ignore' }))
    gateway = await startGateway({ accounts: 1, set: [
      'plugins.pop3=false', `im2000.outbound.dnsServers=["127.0.0.1:${resolver}"]`, 'im2000.outbound.allowNetworks=["127.0.0.0/8"]', 'im2000.outbound.dnsTimeout=2',
      `bridges.smtp-relay=${JSON.stringify({ port: sink.port, commandTimeout: 2, connectTimeout: 2, dane: { resolver: `127.0.0.1:${resolver}` }, mtaSts: { use: false }, incoming: { check: false } })}`,
    ] })
    await until(async () => (await explain('bob@signed.test')).includes('DANE') || undefined, 'a zone that is signed and validated', 30)
  })
  afterEach(() => { sink.taken.length = 0 })
  afterAll(async () => {
    await gateway?.stop()
    await sink?.stop()
    for (const child of children) {
      const gone = new Promise((done) => { child.once('exit', done) })
      child.kill('SIGTERM')
      await gone
    }
    folder.remove()
  })

  const explain = async (address: string): Promise<string> => {
    const { steps, result } = await operate(core(), 'smtp-relay.route', { address, sender: '' }) as { steps: string[]; result: string }
    return [...steps, result].join('\n')
  }
  const submit = async (to: string): Promise<{ notification: string; why: string | null }> => {
    const draft = await core().store.open({ account: (await core().accounts.byName(gateway.account))!.id, name: gateway.account, protocol: 'ESMTPSA' }, { recipients: [to] })
    await draft.writer.write(Buffer.from(`From: ${gateway.account}\r\nSubject: hello\r\n\r\nHi\r\n`))
    const { token } = await draft.seal()
    const status = async () => (await core().store.track(token))[0].recipients[0].notification
    await expect.poll(status, { timeout: 15_000, interval: 20 }).not.toBe('unprocessed')
    const row = await core().database.read.get<{ why: string | null }>('SELECT r.why FROM recipients r JOIN submissions s ON s.id = r.submission WHERE s.token = ?', [token])
    return { notification: await status(), why: row!.why }
  }

  it('a certificate that DNS vouches for is good, whoever signed it; also behind an alias', async () => {
    expect(await explain('bob@signed.test')).toMatch(/mx\.signed\.test has 1 usable TLSA record\(s\)\n.*\(DANE\)/)
    expect(await submit('bob@signed.test')).toMatchObject({ notification: 'silenced' })
    expect(sink.taken).toMatchObject([{ secure: true }])
    expect(await explain('bob@alias.signed.test')).toContain('(DANE)')
    expect(await submit('bob@alias.signed.test')).toMatchObject({ notification: 'silenced' })
  })
  it('another certificate keeps the mail here: DANE is never gone by', async () => {
    expect(await submit('bob@wrong.signed.test')).toMatchObject({ notification: 'noserver', why: expect.stringContaining('not the one of the TLSA records') })
    expect(sink.taken).toEqual([])
  })
  it('the next host is taken where the first cannot prove itself', async () => {
    expect(await submit('bob@second.signed.test')).toMatchObject({ notification: 'silenced' })
    expect(sink.taken).toHaveLength(1)
  })
  it('a host without records is like any other; records that mean nothing to mail ask for TLS', async () => {
    expect(await explain('bob@plain.signed.test')).not.toContain('DANE')
    expect(await submit('bob@plain.signed.test')).toMatchObject({ notification: 'silenced' })
    expect(await explain('bob@unusable.signed.test')).toMatch(/has 0 usable TLSA record\(s\)\n.*\(TLS required\)/)
  })
  it('records of a zone that is not signed count for nothing', async () => {
    expect(await explain('bob@wrong.unsigned.test')).not.toContain('DANE')
    expect(await submit('bob@wrong.unsigned.test')).toMatchObject({ notification: 'silenced' })
  })
  it('what DNSSEC says is forged is not believed, and not gone by: the mail waits', async () => {
    expect(await submit('bob@bogus.test')).toMatchObject({ notification: 'noserver' })
    expect(sink.taken).toEqual([])
  })
})
