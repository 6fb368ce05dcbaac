#!/usr/bin/env node
// The command line: sets up what is missing, then hands over to core's. Run from anywhere; relative paths mean this folder's.
import { setUp } from './setup.mjs'

// SQLite, files and password hashing share libuv's threads; four would let a slow disk hold up logins.
process.env.UV_THREADPOOL_SIZE ??= '8'
setUp()
const { main } = await import('../core/dist/cli/main.js')
process.exitCode = await main(process.argv.slice(2))
