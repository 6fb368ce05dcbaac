// Performs an operation: by the running gateway if there is one, else by opening the data folder for this one act.
import { isFailure } from '../errors/codes.js'
import { openGateway, type Gateway } from '../gateway.js'
import { createLog } from '../log/logger.js'
import { askRunning } from './control.js'
import { operations, type OperationName, type Operations } from './operations.js'
import { loadSettings, type GlobalOptions } from './settings.js'

/** Another command may hold the folder for a moment. */
const patienceMs = 10_000

export async function perform<N extends OperationName>(options: GlobalOptions, operation: N, args?: Parameters<Operations[N]>[1]): Promise<Awaited<ReturnType<Operations[N]>>> {
  const { settings } = await loadSettings(options)
  for (const deadline = Date.now() + patienceMs; ;) {
    const asked = await askRunning(settings.data, operation, args)
    if (asked) return asked.result
    let gateway: Gateway
    try {
      gateway = await openGateway({ settings, plugins: [], log: createLog({ level: 'warn', destination: 'stderr' }) })
    } catch (error) {
      if (!isFailure(error, 'DATA_FOLDER_LOCKED') || Date.now() > deadline) throw error
      await new Promise((again) => { setTimeout(again, 100) })
      continue
    }
    try {
      const result = await (operations[operation] as (gateway: Gateway, args: unknown) => Promise<unknown>)(gateway, args ?? {})
      await gateway.reaper.reap()
      return result as Awaited<ReturnType<Operations[N]>>
    } finally {
      await gateway.stop(AbortSignal.timeout(5000))
    }
  }
}
