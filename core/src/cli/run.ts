// A gateway from command-line options to a running process: for `start`, and for whole-system tests that start one in their own process.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openGateway, type Gateway } from '../gateway.js'
import type { Dns } from '../im2000/locate.js'
import { createLog, setLevel, type Log } from '../log/logger.js'
import { serveControl } from './control.js'
import { operations } from './operations.js'
import { loadSettings, type GlobalOptions, type Loaded } from './settings.js'

export interface RunOptions extends GlobalOptions {
  readonly ephemeral?: boolean
  /** Accounts of an ephemeral gateway. */
  readonly accounts?: number
  readonly domain?: string
  readonly log?: Log
  /** Password of all accounts of an ephemeral gateway; made up when absent. */
  readonly password?: string
  /** Whom to ask instead of DNS servers: for tests. */
  readonly dns?: Dns
}
export interface Running {
  readonly gateway: Gateway
  readonly loaded: Loaded
  readonly log: Log
  readonly domain: string
  /** First account, when it was made just now (or the gateway is ephemeral). */
  readonly created: { readonly account: string; readonly password: string } | undefined
  readonly listeners: Readonly<Record<string, string>>
  /**
   * Reads the configuration again: certificate and log level hold from now on, open sessions stay. Answers the settings that are
   * written otherwise but hold only after a restart. Throws CONFIG_INVALID with the whole report, and then nothing changes.
   */
  reload(): Promise<readonly string[]>
  /** Drains within the grace time of the configuration (or until `signal`), then removes what was ephemeral. */
  stop(signal?: AbortSignal): Promise<void>
}

/** A password to type: 20 characters, 100 bits. */
export const makePassword = (): string => [...randomBytes(20)].map((octet) => 'abcdefghjkmnpqrstuvwxyz23456789AB'[octet & 31]).join('')

const ephemeralDomain = 'example.test'
export const ephemeralName = (n: number, domain: string): string => `user${String(n).padStart(4, '0')}@${domain}`

export async function run(options: RunOptions): Promise<Running> {
  const folder = options.ephemeral ? mkdtempSync(join(tmpdir(), 'restante-')) : undefined
  const domain = options.domain ?? ephemeralDomain
  // Also when the process ends at once (a second Ctrl-C).
  const removeFolder = (): void => { if (folder !== undefined) rmSync(folder, { recursive: true, force: true }) }
  process.once('exit', removeFolder)
  try {
    const ephemeral = folder === undefined ? [] : [`data=${folder}`, `domains=["${domain}"]`, 'hostname=localhost', 'accounts.scramIterations=4096', 'log.level=warn']
    const loaded = await loadSettings({ ...options, set: [...ephemeral, ...(options.set ?? [])] })
    const log = options.log ?? createLog({
      level: loaded.settings.log.level, destination: options.ephemeral || options.json ? 'stderr' : 'stdout',
      ...(loaded.settings.log.format === 'auto' ? {} : { pretty: loaded.settings.log.format === 'pretty' }),
    })
    const plugins = folder === undefined ? loaded.plugins : loaded.plugins.map(({ plugin, config }) => ({ plugin, config: onFreePorts(config) }))
    const gateway = await openGateway({ settings: loaded.settings, plugins, log, ...(options.dns ? { dns: options.dns } : {}) })
    try {
      const created = await firstAccounts(gateway, loaded, options, domain)
      await gateway.start()
      const control = await serveControl(gateway, log.child({ scope: 'control' }))
      return {
        gateway, loaded, log, domain, created, listeners: gateway.listeners(),
        async reload() {
          const next = await loadSettings({ ...options, set: [...ephemeral, ...(options.set ?? [])] })
          await gateway.renewCertificate(next.settings.tls)
          setLevel(log, next.settings.log.level)
          return differences(loaded, next)
        },
        async stop(signal = AbortSignal.timeout(loaded.settings.shutdown.graceSeconds * 1000)) {
          control.close()
          await gateway.stop(signal)
          removeFolder()
          process.off('exit', removeFolder)
        },
      }
    } catch (error) {
      await gateway.stop(AbortSignal.abort())
      throw error
    }
  } catch (error) {
    removeFolder()
    process.off('exit', removeFolder)
    throw error
  }
}

/** What reloading brings into force. */
const live = /^(tls\.(certificate|key)|log\.level)$/

/** Settings that differ, as paths; a plugin's own stand under its name. */
function differences(before: Loaded, after: Loaded): string[] {
  const found: string[] = []
  const compare = (path: string, a: unknown, b: unknown): void => {
    const objects = [a, b].every((one) => typeof one === 'object' && one !== null && !Array.isArray(one))
    if (!objects) {
      if (JSON.stringify(a) !== JSON.stringify(b) && !live.test(path)) found.push(path)
      return
    }
    const [one, other] = [a, b] as Record<string, unknown>[]
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) compare(path === '' ? key : `${path}.${key}`, one[key], other[key])
  }
  compare('', before.settings, after.settings)
  const configs = ({ plugins }: Loaded): Record<string, unknown> => Object.fromEntries(plugins.map(({ plugin, config }) => [plugin.name, config ?? {}]))
  compare('plugins', configs(before), configs(after))
  return found
}

async function firstAccounts(gateway: Gateway, loaded: Loaded, options: RunOptions, domain: string): Promise<Running['created']> {
  const password = options.password ?? makePassword()
  if (options.ephemeral) {
    const count = options.accounts ?? 1
    // One computation of keys serves all: they share the password, and they share the salt, in a gateway that lives for minutes.
    const [first] = await operations['user.add'](gateway, { users: [{ address: ephemeralName(1, domain), password }] })
    const hash = await gateway.accounts.exportHash(first.name)
    const rest = Array.from({ length: count - 1 }, (_, i) => ({ address: ephemeralName(i + 2, domain), hash }))
    for (let i = 0; i < rest.length; i += 1000) await operations['user.add'](gateway, { users: rest.slice(i, i + 1000) })
    return { account: first.name, password }
  }
  if ((await gateway.accounts.all()).length > 0) return undefined
  const account = `postmaster@${loaded.settings.domains[0]}`
  await operations['user.add'](gateway, { users: [{ address: account, password, displayName: 'Postmaster' }] })
  return { account, password }
}

/** Every listener of a plugin's settings on a free port of the loopback address; those that are off stay off. */
function onFreePorts(config: unknown): unknown {
  if (typeof config !== 'object' || config === null) return config
  if (Array.isArray(config)) return config.map(onFreePorts)
  return Object.fromEntries(Object.entries(config).map(([key, value]) =>
    [key, key.startsWith('listen') && typeof value === 'string' && value !== '' && value !== 'off' ? '127.0.0.1:0' : onFreePorts(value)]))
}
