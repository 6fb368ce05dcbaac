// Whose control socket is believed.
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { askRunning, controlPath } from './control.js'

it.runIf(process.getuid?.() === 0)("gives nothing to somebody else's socket in the temporary folder", async () => {
  const root = mkdtempSync(join(tmpdir(), 'restante-control-'))
  const folder = join(root, 'long'.repeat(30))
  mkdirSync(folder)
  const heard: string[] = []
  const server = createServer((socket) => { socket.on('data', (chunk) => { heard.push(chunk.toString()); socket.end('{"result":[]}\n') }) })
  await new Promise<void>((done) => { server.listen(controlPath(folder), done) })
  try {
    expect(await askRunning(folder, 'user.list', undefined)).toEqual({ result: [] })
    chownSync(controlPath(folder), 65534, 65534)
    expect(await askRunning(folder, 'user.list', undefined)).toBeUndefined()
    expect(heard).toHaveLength(1)
  } finally {
    server.close()
    rmSync(root, { recursive: true, force: true })
  }
})
