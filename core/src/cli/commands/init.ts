// `restante init`: a configuration file and a data folder to begin with.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { failure } from '../../errors/codes.js'
import { print } from '../output.js'
import { perform } from '../perform.js'
import { defaultConfigFile, loadSettings, type GlobalOptions } from '../settings.js'

export const initCommand = (): Command => new Command('init')
  .description('Write a commented configuration file (unless it is there) and create the data folder and database')
  .action(async (options: GlobalOptions) => {
    const file = resolve(options.config ?? defaultConfigFile)
    const isNew = !existsSync(file)
    if (isNew) {
      const template = fileURLToPath(new URL('../../../../config/restante.yaml', import.meta.url))
      if (!existsSync(template)) throw failure('CONFIG_INVALID', { report: `${template}: there is no such file` })
      mkdirSync(dirname(file), { recursive: true })
      copyFileSync(template, file)
    }
    const withFile = { ...options, config: file }
    const { settings } = await loadSettings(withFile)
    await perform(withFile, 'user.list')
    const data = resolve(settings.data)
    print(options.json ? JSON.stringify({ config: file, created: isNew, data }) : `Configuration  ${file}${isNew ? ' (new)' : ' (was there)'}\nData folder    ${data}`)
  })
