// The documentation is true: the plugin of docs/plugins.md runs as written, and docs/errors.md lists exactly our errors.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { errorCodes } from '@restante/core'
import { run } from '../../core/dist/cli/run.js'
import { checkSettings } from '../../core/dist/cli/settings.js'
import { silentLog } from '../../core/dist/log/logger.js'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const text = (name: string): string => readFileSync(join(root, name), 'utf8')

describe('docs/plugins.md', () => {
  // Inside the repository, so that the plugin finds @restante/core as an installed one would.
  const folder = mkdtempSync(join(root, 'test', 'docs', 'tmp-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('holds a complete plugin in under 60 lines, and it works', async () => {
    const code = /```js\n([\s\S]*?)```/.exec(text('docs/plugins.md'))![1]
    expect(code.split('\n').length).toBeLessThan(60)
    writeFileSync(join(folder, 'greeter.mjs'), code)
    writeFileSync(join(folder, 'restante.yaml'), 'plugins:\n  smtp-ingress: {}\n  imap4: {}\n  ./greeter.mjs: { boss: anna@example.test }\n')
    const running = await run({ ephemeral: true, config: join(folder, 'restante.yaml'), log: silentLog })
    try {
      const { gateway } = running
      for (const name of ['anna@example.test', 'bert@example.test']) {
        const draft = await gateway.store.open({ account: null, name, protocol: 'ESMTP' }, { recipients: ['user0001@example.test'] })
        await draft.writer.write(Buffer.from('Subject: hello\r\n\r\nHi\r\n'))
        await draft.seal()
      }
      const [host, port] = running.listeners.greeter.split(':')
      const answer = await new Promise<string>((done, refuse) => {
        const socket = connect(Number(port), host, () => socket.write('user0001@example.test\r\n'))
        socket.once('data', (chunk) => done(chunk.toString()))
        socket.once('error', refuse)
      })
      expect(answer).toBe('user0001@example.test has 2 unseen\r\n')
      const box = await gateway.mailboxes.open((await gateway.accounts.byName('user0001@example.test'))!.id, 'INBOX', { readOnly: true })
      expect([...box.index.flags.subarray(0, 2)]).toEqual([4, 0])
      box.close()
    } finally {
      await running.stop()
    }
  })
})

describe('config/', () => {
  // Files that stand for a machine's own (certificates, secrets) are not there; nothing else may be wrong.
  it.each(['restante.yaml', 'examples/production.yaml', 'examples/behind-a-filter.yaml'])('%s is right', async (name) => {
    const { checked } = await checkSettings({ config: join(root, 'config', name) })
    expect(checked.problems.filter(({ what }) => !what.includes('database-url'))).toEqual([])
  })
})

describe('docs/errors.md', () => {
  it('lists every error with its kind and sentence, and no other', () => {
    const listed = [...text('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| (\w+) \| (.*) \|$/gm)].map(([, code, kind, sentence]) => [code, { kind, sentence }])
    expect(Object.fromEntries(listed)).toEqual(errorCodes)
  })
})
