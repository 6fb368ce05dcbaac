// A DNS server on this machine that is quick at first, and then leaves questions without an answer.
import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeNameResolver } from './resolver.js'

const server = createSocket('udp4')
/** Questions about 'slow' and 'never' that came. */
const asked = { slow: 0, never: 0 }
beforeAll(() => new Promise<void>((ready) => {
  server.on('message', (query, from) => {
    const text = query.toString('latin1')
    if (text.includes('never') && ++asked.never) return
    if (text.includes('slow') && ++asked.slow <= 3) return
    const answer = Buffer.from(query.subarray(0, query.indexOf(0, 12) + 5))
    answer.writeUInt16BE(0x8580, 2) // with no records
    answer.writeUInt16BE(0, 10)
    server.send(answer, from.port, from.address)
  }).bind(0, '127.0.0.1', ready)
}))
afterAll(() => new Promise<void>((done) => { server.close(done) }))

it('a server that was quick so far has all its time for a slow answer', async () => {
  const resolver = makeNameResolver({ servers: [`127.0.0.1:${server.address().port}`], timeoutMs: 5000 })
  for (let n = 0; n < 10; n++) await expect(resolver.a(`quick${n}.test`)).rejects.toMatchObject({ code: 'ENODATA' })
  await expect(resolver.a('slow.test')).rejects.toMatchObject({ code: 'ENODATA' })
  expect(asked.slow).toBeGreaterThanOrEqual(4)
})
it('but no more than that', async () => {
  const resolver = makeNameResolver({ servers: [`127.0.0.1:${server.address().port}`], timeoutMs: 300 })
  await expect(resolver.resolve('never.test', 'TXT')).rejects.toMatchObject({ code: 'ETIMEOUT' })
  expect(asked.never).toBeGreaterThanOrEqual(2)
})
