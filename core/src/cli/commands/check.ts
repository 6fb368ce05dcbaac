// `restante check`: is the configuration right? Starts nothing.
import { Command } from 'commander'
import { exitCodes, print } from '../output.js'
import { checkSettings, type GlobalOptions } from '../settings.js'

export const checkCommand = (exit: (code: number) => void): Command => new Command('check')
  .description('Check the configuration without starting anything')
  .action(async (options: GlobalOptions) => {
    const { report, checked, file } = await checkSettings(options)
    if (options.json) print(JSON.stringify({ file: file ?? null, problems: checked.problems }))
    else if (report === '') print(`${file ?? 'defaults (there is no configuration file)'}: no problems`)
    else process.stderr.write(`${report}\n`)
    if (checked.problems.length > 0) exit(exitCodes.usage)
  })
