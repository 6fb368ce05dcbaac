import { mkdtempSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isFailure } from '../errors/codes.js'
import { jsonSchema, masked } from './describe.js'
import { listenAddress, seconds, secret } from './fields.js'
import { insist, loadConfig, readConfig, type ConfigSource } from './load.js'

const pop3 = { name: 'pop3', config: z.strictObject({ listen: listenAddress('127.0.0.1:2110').describe('Where.'), idle: seconds('30min').describe('Silence.') }) }
const relay = { name: 'smtp-relay', config: z.strictObject({ password: secret().min(3).default('').describe('Pass.'), hosts: z.array(z.string()).default([]), tls: z.strictObject({ minVersion: z.string().default('TLSv1.2') }).prefault({}) }) }
const load = (text: string, more: Partial<ConfigSource> = {}) => loadConfig({ file: 'config/restante.yaml', text, plugins: [pop3, relay], ...more })
/** The report's lines. */
const trouble = (text: string, more: Partial<ConfigSource> = {}): string[] => load(text, more).problems.map(({ place, key, what }) => [place, key, what].filter(Boolean).join(': '))

describe('a good configuration', () => {
  it('needs nothing: everything has a default', () => {
    const { config, problems } = load('')
    expect(problems).toEqual([])
    expect(config).toMatchObject({ data: './data', hostname: hostname(), log: { level: 'info' }, im2000: { store: { envelopeEntries: 1000, maximumAge: 365 * 86_400 }, rna: { bound: 100_000 } }, limits: { messageOctets: 50 * 2 ** 20 }, mailboxes: { special: { sent: 'Sent' } } })
    expect(Object.isFrozen(config!.im2000.store)).toBe(true)
  })
  it('enables what is named, in order, and hands each plugin its own section', () => {
    const text = 'plugins:\n  smtp-relay: { hosts: [a] }\n  pop3:\n  imap4: false\n'
    expect(readConfig({ text }).enabled).toEqual([{ kind: 'plugins', key: 'smtp-relay' }, { kind: 'plugins', key: 'pop3' }])
    const { sections, problems } = load(text)
    expect(problems).toEqual([])
    expect(Object.fromEntries(sections)).toEqual({ pop3: { listen: '127.0.0.1:2110', idle: 1800 }, 'smtp-relay': { password: '', hosts: ['a'], tls: { minVersion: 'TLSv1.2' } } })
  })
  it('takes an empty section for its defaults', () => {
    expect(load('log:\n  # level: debug\nmailboxes:\n  special:\n').problems).toEqual([])
  })
  it.each([['limits: { messageOctets: 10 MiB }', 10 * 2 ** 20], ['limits: { messageOctets: 123 }', 123], ['limits: { messageOctets: 1.5kB }', 1500]])('reads sizes: %s', (text, octets) => {
    expect(load(text).config!.limits.messageOctets).toBe(octets)
  })
})

describe('the report', () => {
  it('names all problems of core and of plugins, each with its place', () => {
    expect(trouble('log:\n  levle: debug\n  format: fancy\nplugins:\n  pop3:\n    listn: 5\n    idle: soon\n  pop4: {}\nlimits:\n  sessions: -1\n  messageOctets: many\n')).toEqual([
      'config/restante.yaml:8: plugins.pop4: no such plugin',
      'config/restante.yaml:3: log.format: found "fancy"; accepted: auto, pretty, json',
      'config/restante.yaml:2: log.levle: found an unknown key (did you mean "level"?); accepted: level, format',
      expect.stringMatching(/^config\/restante.yaml:11: limits.messageOctets: found "many"; accepted: .*octets, for example/),
      'config/restante.yaml:10: limits.sessions: found -1; accepted: at least 1',
      expect.stringMatching(/^config\/restante.yaml:7: plugins.pop3.idle: found "soon"; accepted: .*seconds, or for example/),
      'config/restante.yaml:6: plugins.pop3.listn: found an unknown key (did you mean "listen"?); accepted: listen, idle',
    ])
  })
  it.each([
    ['unknown section', 'lgo: {}', 'config/restante.yaml:1: lgo: found an unknown key (did you mean "log"?); accepted: data, hostname,'],
    ['unknown key without a value', 'log:\n  levl:\n', 'config/restante.yaml:2: log.levl: found an unknown key (did you mean "level"?)'],
    ['snake case', 'retrieval: { keep_after_read: true }', 'config/restante.yaml:1: retrieval.keep_after_read: found an unknown key (did you mean "keepAfterRead"?)'],
    ['a map where text belongs', 'data: { folder: x }', 'config/restante.yaml:1: data: found a map; accepted: text'],
    ['text where a map belongs', 'log: loud', 'config/restante.yaml:1: log: found "loud"; accepted: a map of settings'],
    ['a list entry', 'domains:\n  - ok.example\n  - -bad-\n', 'config/restante.yaml:3: domains.1: found "-bad-"; accepted: a domain name, for example example.org'],
    ['a plugin that is a number', 'plugins:\n  pop3: 7\n', 'config/restante.yaml:2: plugins.pop3: found 7; accepted: a map of settings, {} for the defaults, or false'],
    ['plugins as a list', 'plugins: [pop3]', 'config/restante.yaml:1: plugins: found a list; accepted: a map'],
    ['a doubled key', 'log: {}\ndata: x\nlog: {}\n', 'config/restante.yaml:3:1: this key stands here a second time; accepted: each key once'],
    ['a tab', 'log:\n\tlevel: info\n', 'config/restante.yaml:2:1: found a tab; accepted: spaces for indentation'],
    ['broken YAML', 'log: {level: "info\n', 'config/restante.yaml:2:1: not valid YAML'],
    ['text', 'hello', 'config/restante.yaml:1: found text; accepted: a map of sections'],
    ['an alias bomb', `a: &a [${'x,'.repeat(20)}]\nb: &b [${'*a,'.repeat(20)}]\nc: &c [${'*b,'.repeat(20)}]\nd: [${'*c,'.repeat(20)}]\n`, 'config/restante.yaml:1: not usable YAML'],
  ])('%s', (_, text, start) => {
    const lines = trouble(text)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(start)
  })
  it('says when the file cannot be read', () => {
    expect(trouble('', { text: undefined, file: '/nowhere/restante.yaml' })[0]).toMatch(/cannot be read: there is no such file$/)
  })
  it('is thrown whole', () => {
    try {
      insist(load('log: { level: loud }\ndata: 5\n'))
      expect.unreachable()
    } catch (error) {
      expect(isFailure(error, 'CONFIG_INVALID')).toBe(true)
      expect((error as Error).message).toMatch(/^2 problems in the configuration:\n {2}config\/restante.yaml:2: data: found 5; accepted: text\n {2}config\/restante.yaml:1: log.level: found "loud"; accepted: trace,/)
    }
  })
})

describe('overrides', () => {
  const text = 'plugins: { pop3: {} }\nbridges: { smtp-relay: {} }\n'
  it('come from the environment, whatever the case and dashes of a key', () => {
    const { config, sections, problems } = load(text, { env: { RESTANTE_IM2000__STORE__MINIMUMLIFETIME: '5', RESTANTE_TLS__MIN_VERSION: 'TLSv1.3', restante_bridges__smtp_relay__hosts: 'a, b', RESTANTE_HOSTNAME: '007', PATH: '/bin', RESTANTE_CONFIG: 'x' } })
    expect(problems).toEqual([])
    expect(config).toMatchObject({ hostname: '007', tls: { minVersion: 'TLSv1.3' }, im2000: { store: { minimumLifetime: 5 } } })
    expect(sections.get('smtp-relay')).toMatchObject({ hosts: ['a', 'b'] })
  })
  it('come from --set, which wins', () => {
    const { config, sections, problems } = load(text, { env: { RESTANTE_LOG__LEVEL: 'warn' }, overrides: ['log.level=debug', 'plugins.pop3.idle=60', 'domains=[a.test, b.test]', 'retrieval.keepAfterRead=false'] })
    expect(problems).toEqual([])
    expect(config).toMatchObject({ log: { level: 'debug' }, domains: ['a.test', 'b.test'], retrieval: { keepAfterRead: false } })
    expect(sections.get('pop3')).toMatchObject({ idle: 60 })
  })
  it('switch plugins on and off', () => {
    expect(readConfig({ text, overrides: ['plugins.pop3=false', 'plugins.imap4={}', 'plugins."./mine.js"={}'] }).enabled.map(({ key }) => key)).toEqual(['imap4', './mine.js', 'smtp-relay'])
    expect(readConfig({ text, env: { RESTANTE_BRIDGES__SMTP_RELAY: 'false', RESTANTE_PLUGINS__SHARED_MAILBOXES: '{}' } }).enabled.map(({ key }) => key)).toEqual(['pop3', 'shared-mailboxes'])
  })
  it('that are wrong are named', () => {
    expect(trouble(text, { env: { RESTANTE_LOG__LEVLE: 'x', RESTANTE_LIMITS__SESSIONS: 'lots', RESTANTE_PLUGINS__POP33__IDLE: '5' }, overrides: ['nonsense', 'log.levl=x'] })).toEqual([
      '--set nonsense: accepted: key=value, for example log.level=debug',
      'environment variable RESTANTE_LOG__LEVLE: no setting "levle" under log (did you mean "level"?)',
      'environment variable RESTANTE_PLUGINS__POP33__IDLE: no setting "pop33" under plugins (did you mean "pop3"?)',
      '--set log.levl: no setting "levl" under log (did you mean "level"?)',
      'environment variable RESTANTE_LIMITS__SESSIONS: limits.sessions: found "lots"; accepted: a number',
    ])
  })
})

describe('secrets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'restante-'))
  writeFileSync(join(folder, 'pw'), 'hunter2\n')
  it('may stand in a file beside the configuration, and are masked when shown', () => {
    const { sections, problems } = load('bridges: { smtp-relay: { password: "file:pw" } }', { file: join(folder, 'restante.yaml') })
    expect(problems).toEqual([])
    expect(sections.get('smtp-relay')).toMatchObject({ password: 'hunter2' })
    const section = { kind: 'bridges' as const, key: 'smtp-relay', config: relay.config }
    expect(masked({ bridges: { 'smtp-relay': sections.get('smtp-relay') } }, [section])).toMatchObject({ bridges: { 'smtp-relay': { password: '***', hosts: [] } } })
  })
  it('that cannot be read are named; those that are wrong are not printed', () => {
    expect(trouble('bridges: { smtp-relay: { password: "file:/nowhere" } }')).toEqual(["config/restante.yaml:1: bridges.smtp-relay.password: the secret's file /nowhere cannot be read: ENOENT"])
    expect(trouble('bridges: { smtp-relay: { password: xy } }')).toEqual(['config/restante.yaml:1: bridges.smtp-relay.password: found a secret; accepted: at least 3 characters'])
  })
})

it('the JSON schema carries descriptions and defaults of core and plugins', () => {
  const schema = jsonSchema([{ kind: 'plugins', key: 'pop3', config: pop3.config }]) as any
  expect(schema.properties.limits.properties.messageOctets).toMatchObject({ default: '50MiB', description: expect.stringContaining('Largest message') })
  expect(schema.properties.plugins.properties.pop3.anyOf[0].properties.listen).toMatchObject({ default: '127.0.0.1:2110', description: 'Where.' })
  expect(schema.properties.hostname.default).toBe('')
  const undescribed: string[] = []
  const walk = (node: any, path: string): void => {
    for (const [key, value] of Object.entries<any>(node.properties ?? {})) {
      if (!value.description && !path.startsWith('plugins')) undescribed.push(`${path}${key}`)
      walk(value, `${path}${key}.`)
    }
  }
  walk({ properties: { ...schema.properties, plugins: { description: 'x' } } }, '')
  expect(undescribed.filter((key) => !['plugins', 'bridges'].includes(key))).toEqual([])
})
