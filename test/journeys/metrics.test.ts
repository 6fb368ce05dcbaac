// Somebody who watches the gateway: what is counted, whether it is well, and who may not ask.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'

let gateway: Awaited<ReturnType<typeof startGateway>>
const ask = async (path: string, token?: string, method = 'GET'): Promise<{ status: number; type: string | null; body: string }> => {
  const answer = await fetch(`http://${gateway.listeners.metrics}${path}`, { method, headers: token === undefined ? {} : { Authorization: token } })
  return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() }
}
const value = async (series: string): Promise<number> => Number(new RegExp(`^${series.replace(/[{}"]/g, '\\$&')} (.*)$`, 'm').exec((await ask('/metrics', 'Bearer let-me-see')).body)?.[1])

beforeAll(async () => { gateway = await startGateway({ set: ['plugins.pop3=false', 'plugins.metrics={"token":"let-me-see"}'] }) })
afterAll(() => gateway?.stop())

describe('metrics', () => {
  it('counts what happened to messages, commits and connections, as Prometheus reads it', async () => {
    const before = await value('restante_commits_total')
    await deliver()
    await expect.poll(() => value('restante_events_total{event="MessageNew"}')).toBe(1)
    expect(await value('restante_commits_total')).toBeGreaterThan(before)
    expect(await value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
    const { type, body } = await ask('/metrics', 'Bearer let-me-see')
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(body).toMatch(/^restante_connections_total\{.*service="smtp".*\} [1-9]/m)
    for (const line of body.trimEnd().split('\n')) expect(line).toMatch(/^(# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_0-9]+(\{[a-z_0-9]+="[^"]*"(,[a-z_0-9]+="[^"]*")*\})? -?[0-9.e+-]+|[a-z_0-9]+_bucket\{.*\} \d+)$/)
  })

  it('says whether it is well to everybody, and its figures to those who have the token', async () => {
    expect(await ask('/health')).toMatchObject({ status: 200, body: 'ok\n' })
    for (const token of [undefined, 'Bearer', 'Bearer let-me', 'Basic let-me-see', 'bearer let-me-see2']) expect((await ask('/metrics', token)).status).toBe(401)
    expect((await ask('/metrics', 'Bearer let-me-see', 'POST')).status).toBe(405)
    expect((await ask('/', 'Bearer let-me-see')).status).toBe(404)
  })
})

/** One message by SMTP, to the end of its 250. */
async function deliver(): Promise<void> {
  const [host, port] = gateway.listeners.smtp.split(':')
  const socket = connect(Number(port), host)
  const lines = ['EHLO probe.example', 'MAIL FROM:<a@elsewhere.example>', `RCPT TO:<${gateway.account}>`, 'DATA', 'Subject: hello\r\n\r\nhello\r\n.', 'QUIT']
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (/^\d{3} /m.test(chunk.toString())) {
      expect(chunk.toString()).toMatch(/^[23]/)
      const next = lines.shift()
      if (next !== undefined) socket.write(`${next}\r\n`)
    }
  }
}
