// `npm run fuzz [minutes]`: everything that goes by chance, for longer than CI does. An hour by default.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, setUp } from './setup.mjs'

setUp()
const minutes = Number(process.argv[2] ?? 60)
const run = (files, env) => spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...files], { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1
// Half of the time for each; IM2000's frames take about ten seconds the hundred thousand, a run of the model 20 ms.
const codes = [
  run(['test/fuzz'], { FUZZ_SECONDS: String(minutes * 30), FUZZ: String(Math.max(1, minutes * 3)) }),
  run(['test/transcripts/imap-model.test.ts'], { IMAP_MODEL_RUNS: String(Math.max(200, minutes * 1000)) }),
]
process.exitCode = codes.find((code) => code !== 0) ?? 0
