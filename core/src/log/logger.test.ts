import { describe, expect, it, vi } from 'vitest'
import { createLog, setLevel } from './logger.js'

function logged(pretty: boolean): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = []
  return { lines, log: createLog({ level: 'info', pretty, sink: { write: (line) => void lines.push(line) } }) }
}

describe('the log', () => {
  it('masks secrets and shortens identifiers', () => {
    const { lines, log } = logged(false)
    log.info({ password: 'hunter2', who: { secret: 's3', name: 'ann' }, identifier: Buffer.from('00112233445566778899aabbccddeeff', 'hex') }, 'in')
    expect(JSON.parse(lines[0]!)).toMatchObject({ password: '***', who: { secret: '***', name: 'ann' }, identifier: '001122…', msg: 'in' })
    expect(lines[0]).not.toContain('hunter2')
  })
  it('keeps scope in children and leaves out what is below the level', () => {
    const { lines, log } = logged(false)
    log.child({ scope: 'pop3' }).debug('not this')
    log.child({ scope: 'pop3' }).warn('this')
    expect(lines.map((line) => JSON.parse(line).scope)).toEqual(['pop3'])
  })
  it('makes a child in the same time however many sessions there were', () => {
    const { log } = logged(false)
    const derefs = vi.spyOn(WeakRef.prototype, 'deref')
    for (let i = 0; i < 30_000; i++) log.child({ session: i })
    expect(derefs.mock.calls.length).toBeLessThan(60_000)
    derefs.mockRestore()
  })
  it('changes the level of children too', () => {
    const { lines, log } = logged(false)
    const child = log.child({ scope: 'imap4' })
    setLevel(log, 'debug')
    child.debug('told')
    expect(lines).toHaveLength(1)
  })
  it('can speak to people', () => {
    const { lines, log } = logged(true)
    log.info({ port: 2110 }, 'listening')
    expect(lines.join('')).toMatch(/INFO.*listening[\s\S]*port: 2110/)
  })
})
