// From command-line options to checked settings and loaded plugins: the same for every command.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { insist, readConfig, type CheckedConfig, type Section } from '../config/load.js'
import { report } from '../config/problem.js'
import type { Settings } from '../config/schema.js'
import { failure } from '../errors/codes.js'
import type { Plugin } from '../plugin/contract.js'
import { loadPlugins } from '../plugin/loader.js'

/** What may stand under `plugins:` and `bridges:` without a package name. The wire protocols are core's own plugin. */
export const builtIn: Readonly<Record<string, string>> = {
  'autoconfig': new URL('../autoconfig-plugin.js', import.meta.url).href,
  'im2000': new URL('../wire-plugin.js', import.meta.url).href,
  'imap4': '@restante/imap4',
  'lists': '@restante/lists',
  'mailsort': '@restante/mailsort',
  'metrics': new URL('../metrics-plugin.js', import.meta.url).href,
  'pop3': '@restante/pop3',
  'shared-mailboxes': '@restante/shared-mailboxes',
  'smtp-ingress': '@restante/smtp-ingress',
  'smtp-relay': '@restante/smtp-relay',
  'spam-check': '@restante/spam-check',
  'vacation': '@restante/vacation',
}
export const defaultConfigFile = 'config/restante.yaml'

export interface GlobalOptions {
  readonly config?: string
  readonly json?: boolean
  /** 'key=value', any number. */
  readonly set?: readonly string[]
}

export interface Loaded {
  readonly settings: Settings
  readonly plugins: readonly { readonly plugin: Plugin; readonly config: unknown }[]
  readonly sections: readonly Section[]
  /** undefined: there is none, defaults hold. */
  readonly file: string | undefined
}

/** Reads the configuration and loads the plugins that it enables. Throws CONFIG_INVALID with the whole report. */
export async function loadSettings(options: GlobalOptions): Promise<Loaded> {
  const { checked, found, file } = await look(options)
  const { config, sections } = insist(checked)
  return { settings: config, file, sections: found.map(({ kind, key, plugin }) => ({ kind, key, config: plugin.config })), plugins: found.map(({ key, plugin }) => ({ plugin, config: sections.get(key) })) }
}

/** The whole report, '' when all is well. */
export async function checkSettings(options: GlobalOptions): Promise<{ report: string; checked: CheckedConfig; file: string | undefined }> {
  const { checked, file } = await look(options)
  return { report: checked.problems.length === 0 ? '' : report(checked.problems), checked, file }
}

async function look(options: GlobalOptions) {
  const wanted = options.config ?? process.env.RESTANTE_CONFIG ?? defaultConfigFile
  const file = resolve(wanted)
  const exists = existsSync(file)
  if (!exists && (options.config !== undefined || process.env.RESTANTE_CONFIG !== undefined)) throw failure('CONFIG_INVALID', { report: `${wanted}: there is no such file` })
  // RESTANTE_CONFIG is ours alone; the rest of RESTANTE_… are settings.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('RESTANTE_') && name !== 'RESTANTE_CONFIG'))
  const read = readConfig({ ...(exists ? { file } : { text: '', file: wanted }), overrides: options.set ?? [], env })
  const { found, refused } = await loadPlugins(read.enabled, { builtIn, folder: read.folder })
  return { found, file: exists ? file : undefined, checked: read.check(found.map(({ kind, key, plugin }) => ({ kind, key, config: plugin.config })), refused) }
}
