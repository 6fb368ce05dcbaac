// `npm start`: `restante start` with whatever stands behind `--`.
process.argv.splice(2, 0, 'start')
await import('./restante.mjs')
