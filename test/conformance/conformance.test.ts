// The conformance runner: our own gateway passes, as an ordinary process; an implementation that is wrong does not.
import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { Framer } from '../../core/dist/im2000/der/framer.js'

const script = fileURLToPath(new URL('../../scripts/conformance.mjs', import.meta.url))
const servers: Server[] = []
afterAll(() => { for (const server of servers) server.close() })

interface Row { number: string; state: 'passed' | 'failed' | 'skipped'; why: string }
async function conformance(...args: string[]): Promise<{ code: number | null; rows: Row[] }> {
  const child = spawn(process.execPath, [script, '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', (text: Buffer) => { out += text.toString() })
  child.stderr.on('data', (text: Buffer) => { err += text.toString() })
  const code = await new Promise<number | null>((done) => { child.once('close', done) })
  expect(out, err).not.toBe('')
  return { code, rows: JSON.parse(out) as Row[] }
}

it('our own gateway holds every statement that can be seen from outside', async () => {
  const { code, rows } = await conformance()
  expect(rows.filter((row) => row.state !== 'passed')).toEqual([])
  expect(rows.length).toBeGreaterThanOrEqual(55)
  expect(code).toBe(0)
}, 120_000)

it('a server that says noerror to everything holds few of them; what cannot be checked is skipped, with the reason', async () => {
  const server = createServer((socket) => {
    const framer = new Framer(2 ** 24)
    socket.on('error', () => undefined).on('data', (chunk) => {
      framer.push(chunk)
      try {
        while (framer.next()) socket.write(Buffer.from('0000000ca20a8001008101 00a202a100'.replace(/ /g, ''), 'hex'))
      } catch {
        socket.destroy()
      }
    })
  })
  servers.push(server)
  await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready) })
  const address = `127.0.0.1:${(server.address() as { port: number }).port}`
  const { code, rows } = await conformance('--rnasp', address)
  const states = Object.fromEntries(rows.map((row) => [row.number, row.state]))
  expect(states).toMatchObject({ T1: 'passed', T6: 'failed', T7: 'passed', T9: 'failed', T90: 'passed', T65: 'skipped', T12: 'skipped' })
  expect(rows.find((row) => row.number === 'T65')!.why).toBe('needs --msoap --msrap --account')
  expect(code).toBe(1)
}, 60_000)
