// Performs an operation: by the running gateway if there is one, else by opening the data folder for this one act.
import { isFailure } from '../errors/codes.js'
import { openGateway, type Gateway } from '../gateway.js'
import { createLog } from '../log/logger.js'
import { askRunning } from './control.js'
import { operate, type OperationName, type Operations } from './operations.js'
import { loadSettings, type GlobalOptions, type Loaded } from './settings.js'

/** Another command may hold the folder for a moment. */
const patienceMs = 10_000

/** One of core's operations. */
export const perform = async <N extends OperationName>(options: GlobalOptions, operation: N, args?: Parameters<Operations[N]>[1]): Promise<Awaited<ReturnType<Operations[N]>>> =>
  await act(await loadSettings(options), [], operation, args) as Awaited<ReturnType<Operations[N]>>

/** One of a plugin's operations: set up and migrated, not started, when no gateway runs. */
export const performPlugins = (loaded: Loaded, operation: string, args?: unknown): Promise<unknown> => act(loaded, loaded.plugins, operation, args)

async function act({ settings }: Loaded, plugins: Loaded['plugins'], operation: string, args: unknown): Promise<unknown> {
  for (const deadline = Date.now() + patienceMs; ;) {
    const asked = await askRunning(settings.data, operation, args)
    if (asked) return asked.result
    let gateway: Gateway
    try {
      gateway = await openGateway({ settings, plugins, log: createLog({ level: 'warn', destination: 'stderr' }) })
    } catch (error) {
      if (!isFailure(error, 'DATA_FOLDER_LOCKED') || Date.now() > deadline) throw error
      await new Promise((again) => { setTimeout(again, 100) })
      continue
    }
    try {
      await gateway.prepare()
      const result = await operate(gateway, operation, args ?? {})
      await gateway.reaper.reap()
      return result
    } finally {
      await gateway.stop(AbortSignal.timeout(5000))
    }
  }
}
