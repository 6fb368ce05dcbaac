// The command line, with and without a running gateway: accounts, addresses, domains, passwords; help and exit codes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configFile, dataFolder, restante, settings, start, Wire, type Said, type Started } from './support/restante.js'

const folder = dataFolder()
afterAll(() => folder.remove())
const ask = (args: readonly string[], input?: string): Promise<Said> => restante([...args, ...folder.set], input === undefined ? {} : { input })
const json = async (args: readonly string[], input?: string): Promise<any> => {
  const said = await ask([...args, '--json'], input)
  expect(said.code, said.stderr).toBe(0)
  // One value, on one line.
  expect(said.stdout.trimEnd().split('\n')).toHaveLength(1)
  return JSON.parse(said.stdout)
}
const canLogIn = async (listeners: Readonly<Record<string, string>>, name: string, password: string): Promise<boolean> => {
  const session = await Wire.to(listeners.imap)
  await session.see(/^\* OK/)
  const answer = await session.ask(`a LOGIN "${name}" "${password}"`, /^a /)
  session.destroy()
  return /^a OK/m.test(answer)
}

describe.each(['while no gateway runs', 'while one runs'])('%s', (when) => {
  const tag = when.includes('no') ? 'quiet' : 'live'
  const name = (who: string): string => `${who}.${tag}@example.test`
  let gateway: Started | undefined
  let listeners: Readonly<Record<string, string>> | undefined
  beforeAll(async () => {
    if (tag === 'quiet') return
    gateway = start(['--json', ...folder.set])
    listeners = (await gateway.ready()).listeners
  })
  afterAll(async () => {
    gateway?.process.kill('SIGTERM')
    await gateway?.exited
  })

  it('accounts are added, listed, shown, changed, removed', async () => {
    expect(await json(['user', 'add', name('Anna'), '--name', 'Anna A.', '--quota', '2GiB', '--quota-messages', '1000'], 'secret\nignored\n')).toEqual({ name: name('anna'), quotaOctets: 2 * 1024 ** 3, quotaMessages: 1000 })
    expect(await ask(['user', 'add', name('anna')], 'other\n')).toMatchObject({ code: 4, stdout: '', stderr: `restante: There is already an account ${name('anna')}\n` })
    expect((await json(['user', 'list'])).map((one: { name: string }) => one.name)).toContain(name('anna'))
    expect(await json(['user', 'show', name('ANNA')])).toMatchObject({ name: name('anna'), displayName: 'Anna A.', enabled: true, usedMessages: 0, addresses: [name('anna')], mailboxes: expect.arrayContaining(['INBOX', 'Drafts', 'Sent', 'Junk', 'Trash', 'Archive']) })
    if (listeners) expect([await canLogIn(listeners, name('anna'), 'secret'), await canLogIn(listeners, name('anna'), 'other')]).toEqual([true, false])
    expect(await json(['user', 'passwd', name('anna')], 'changed "pass\\word"\n')).toEqual({ name: name('anna') })
    if (listeners) expect([await canLogIn(listeners, name('anna'), 'secret'), await canLogIn(listeners, name('anna'), 'changed \\"pass\\\\word\\"')]).toEqual([false, true])
    expect(await json(['user', 'quota', name('anna'), '--quota', '0', '--quota-messages', '5'])).toEqual({ name: name('anna') })
    expect(await json(['user', 'show', name('anna')])).toMatchObject({ quotaOctets: 0, quotaMessages: 5 })
    expect(await json(['user', 'disable', name('anna')])).toMatchObject({ enabled: false })
    if (listeners) expect(await canLogIn(listeners, name('anna'), 'changed \\"pass\\\\word\\"')).toBe(false)
    expect(await json(['user', 'enable', name('anna')])).toMatchObject({ enabled: true })
    expect(await json(['user', 'apop', name('anna')], 'secret\n')).toEqual({ name: name('anna'), apop: true })
    expect(await json(['user', 'apop', name('anna'), '--off'])).toEqual({ name: name('anna'), apop: false })
    // Nobody can be asked here, and nothing is destroyed unasked.
    expect(await ask(['user', 'remove', name('anna')])).toMatchObject({ code: 4, stderr: expect.stringContaining('--yes') })
    expect(await json(['user', 'remove', name('anna'), '--yes'])).toEqual({ name: name('anna') })
    expect(await ask(['user', 'show', name('anna')])).toMatchObject({ code: 3, stdout: '', stderr: `restante: No account ${name('anna')}\n` })
    // The name can be had again.
    expect(await json(['user', 'add', name('anna'), '--no-password'])).toMatchObject({ name: name('anna') })
    if (listeners) expect(await canLogIn(listeners, name('anna'), '')).toBe(false)
  }, 60_000)

  it('addresses and domains lead to accounts', async () => {
    await json(['user', 'add', name('bert')], 'secret\n')
    expect(await json(['address', 'add', name('bert'), name('bertie')])).toMatchObject({ address: name('bertie') })
    expect(await ask(['address', 'add', name('bert'), name('bertie')])).toMatchObject({ code: 4, stderr: `restante: The address ${name('bertie')} is already in use\n` })
    expect(await ask(['address', 'add', name('bert'), 'b@elsewhere.example'])).toMatchObject({ code: 4, stderr: expect.stringContaining('b@elsewhere.example is not served here') })
    await json(['domain', 'add', `${tag}.Example`])
    await json(['address', 'add', name('bert'), `*@${tag}.example`])
    expect(await json(['address', 'list', name('bert')])).toEqual([name('bert'), name('bertie'), `*@${tag}.example`].sort((a, b) => a.split('@')[1].localeCompare(b.split('@')[1]) || a.localeCompare(b)))
    expect(await json(['domain', 'list'])).toEqual(expect.arrayContaining([{ name: 'example.test', configured: true }, { name: `${tag}.example`, configured: false }]))
    if (listeners) {
      const smtp = await Wire.to(listeners.smtp)
      await smtp.see(/^220/)
      await smtp.ask('HELO me.example', /^250/)
      await smtp.ask('MAIL FROM:<>', /^250/)
      for (const [address, answer] of [[name('bertie'), /^250/], [`anything@${tag}.example`, /^250/], [name('nobody'), /^550/], ['x@elsewhere.example', /^550/]] as const) expect(await smtp.ask(`RCPT TO:<${address}>`, /^\d/)).toMatch(answer)
      smtp.destroy()
    }
    expect(await ask(['domain', 'remove', `${tag}.example`])).toMatchObject({ code: 4, stderr: expect.stringContaining('still has 1 addresses') })
    await json(['address', 'remove', `*@${tag}.example`])
    await json(['domain', 'remove', `${tag}.example`])
    expect(await ask(['domain', 'remove', `${tag}.example`])).toMatchObject({ code: 3 })
    expect(await ask(['domain', 'remove', 'example.test'])).toMatchObject({ code: 4, stderr: expect.stringContaining('configuration') })
    expect(await ask(['address', 'remove', name('nobody')])).toMatchObject({ code: 3 })
  }, 60_000)

  it('a thousand accounts come from CSV in seconds, all or none', async () => {
    const file = join(folder.path, `${tag}.csv`)
    const rows = Array.from({ length: 1000 }, (_, i) => `u${i}.${tag}@example.test,secret${i},"User, ${i}",1GB`)
    const bad = [...rows]
    bad[500] = `u499.${tag}@example.test,again,,1GB`
    bad[700] = 'not an address,x,,much'
    writeFileSync(file, ['address,password,name,quota', ...bad].join('\n'))
    const refused = await ask(['user', 'import', file])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toBe(`restante: ${file}:502:1: u499.${tag}@example.test stands in line 501 already\n${file}:702:19: quota: found "much"; accepted: 0, 1000, 500MB, 2GiB\n`
      + `${file}:702:1: found "not an address"; accepted: an address, for example anna@example.org\n`)
    // What only the database can know.
    writeFileSync(file, ['address,password,name,quota', ...rows, `${name('bert')},x,,`].join('\n'))
    expect(await ask(['user', 'import', file])).toMatchObject({ code: 4, stderr: `restante: There is already an account ${name('bert')}\n` })
    expect((await json(['user', 'list'])).some((one: { name: string }) => one.name === `u0.${tag}@example.test`)).toBe(false)

    writeFileSync(file, ['address,password,name,quota', ...rows].join('\n'))
    const made = await ask(['user', 'import', file, '--json'])
    expect(made, made.stderr).toMatchObject({ code: 0, stdout: '{"created":1000}\n' })
    expect(made.ms).toBeLessThan(15_000)
    expect(await json(['user', 'show', `u999.${tag}@example.test`])).toMatchObject({ displayName: 'User, 999', quotaOctets: 1e9, mailboxes: expect.arrayContaining(['INBOX', 'Trash']) })
    if (listeners) expect([await canLogIn(listeners, `u7.${tag}@example.test`, 'secret7'), await canLogIn(listeners, `u7.${tag}@example.test`, 'secret8')]).toEqual([true, false])
    expect(await ask(['user', 'import', join(folder.path, 'none.csv')])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^restante: .*none\.csv: .*no such file.*\n$/) })
  }, 120_000)

  it('everything else answers too', async () => {
    expect(await json(['check'])).toEqual({ file: configFile, problems: [] })
    expect(await json(['init'])).toMatchObject({ config: configFile, created: false, data: folder.path })
    expect(await json(['queue'])).toEqual([])
    expect(await json(['queue', 'jobs', '12345'])).toEqual({ ids: [12345] })
    expect(await json(['queue', 'stats'])).toEqual({ new: 0, deferred: 0, announced: 0, held: 0, window: 0, oldest: null })
    const health = await json(['doctor'])
    expect(health.ok).toBe(true)
    expect(health.findings.map((finding: { what: string }) => finding.what)).toEqual(expect.arrayContaining(['data folder', 'database', 'disk space', 'certificate', 'clock', 'jobs', tag === 'live' ? 'port imap' : 'port']))
    expect(await ask(['track', 'nothing@nowhere.example'])).toMatchObject({ code: 3, stdout: '', stderr: 'restante: No such message\n' })
    expect(await ask(['cancel', 'nothing@nowhere.example', '--yes'])).toMatchObject({ code: 3 })
    for (const said of await Promise.all([['user', 'list'], ['domain', 'list'], ['queue'], ['doctor'], ['check']].map((command) => ask(command)))) {
      expect(said.code, said.stderr).toBe(0)
      expect(said.stdout.length).toBeGreaterThan(0)
      expect(said.stdout).not.toMatch(/^[[{]/)
    }
  }, 60_000)
})

describe('passwords', () => {
  it('never stand on the command line', async () => {
    expect(await ask(['user', 'add', 'p@example.test', 'secret'])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('too many arguments') })
    expect(await ask(['user', 'passwd', 'p@example.test', 'secret'])).toMatchObject({ code: 2 })
    expect(await ask(['user', 'add', 'p@example.test', '--password', 'secret'])).toMatchObject({ code: 2, stderr: expect.stringContaining("unknown option '--password'") })
  })
  it('are not empty, nor endless', async () => {
    for (const input of ['', '\n', `${'x'.repeat(1025)}\n`]) expect(await ask(['user', 'add', 'p@example.test'], input)).toMatchObject({ code: 4, stdout: '', stderr: expect.stringMatching(/^restante: Not permitted: .*password/) })
  })
})

describe('help', () => {
  const commands = ['start', 'check', 'init', 'user', 'address', 'domain', 'track', 'cancel', 'queue', 'doctor']
  const subcommands = { user: ['add', 'list', 'show', 'passwd', 'apop', 'quota', 'disable', 'enable', 'remove', 'import'], address: ['add', 'list', 'remove'], domain: ['list', 'add', 'remove'], queue: ['overview', 'list', 'show', 'stats', 'retry', 'hold', 'release', 'remove', 'jobs'] }

  it('names every command', async () => {
    const said = await restante(['--help'])
    expect(said.code).toBe(0)
    for (const command of commands) expect(said.stdout).toMatch(new RegExp(`^ {2}${command}\\b.* \\S`, 'm'))
    for (const [command, subs] of Object.entries(subcommands)) {
      const { code, stdout } = await restante([command, '--help'])
      expect(code).toBe(0)
      for (const sub of subs) expect(stdout).toMatch(new RegExp(`^ {2}${sub}\\b.* \\S`, 'm'))
    }
  })
  it('is there for each of them, with the options that all have', async () => {
    const all = [...commands.filter((command) => !(command in subcommands)).map((command) => [command]), ...Object.entries(subcommands).flatMap(([command, subs]) => subs.map((sub) => [command, sub]))]
    const said = await Promise.all(all.map((command) => restante([...command, '--help'])))
    for (const [i, { code, stdout, stderr }] of said.entries()) {
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(new RegExp(`^Usage: restante ${all[i].join(' ')}`))
      for (const option of ['--config', '--set', '--json', '--help']) expect(stdout, all[i].join(' ')).toContain(option)
    }
  }, 60_000)
  it('comes with exit code 2 when the command line makes no sense', async () => {
    const all = [[], ['nonsense'], ['user'], ['user', 'nonsense'], ['user', 'add'], ['track'], ['start', '--nonsense']]
    expect((await Promise.all(all.map((args) => restante(args)))).map(({ code }) => code)).toEqual(all.map(() => 2))
  }, 60_000)
  it('says its version', async () => expect(await restante(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) }))
})

it('several commands at once wait for each other', async () => {
  const own = dataFolder()
  try {
    const said = await Promise.all(['a', 'b', 'c'].map((who) => restante(['user', 'add', `${who}@example.test`, ...settings(own.path)], { input: 'secret\n' })))
    expect(said.map(({ code, stderr }) => [code, stderr])).toEqual([[0, ''], [0, ''], [0, '']])
  } finally {
    own.remove()
  }
}, 60_000)
