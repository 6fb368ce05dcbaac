// Thunderbird without a window, driven from outside by Marionette (a length and JSON, both ways), with scripts that run where its own
// code runs.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { until } from './programs.js'

export const hasThunderbird = spawnSync('sh', ['-c', 'command -v thunderbird']).status === 0

/** Nothing asks, nothing calls home. */
const quiet = {
  'app.update.enabled': false, 'datareporting.policy.dataSubmissionPolicyBypassNotification': true, 'extensions.systemAddon.update.enabled': false, 'mail.biff.play_sound': false, 'mail.biff.show_alert': false,
  'mail.provider.suppress_dialog_on_startup': true, 'mail.rights.version': 1, 'mail.shell.checkDefaultClient': false, 'mail.spotlight.firstRunDone': true, 'mailnews.start_page.enabled': false, 'mailnews.auto_config_url': '',
  'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false, 'services.settings.server': 'http://127.0.0.1:1/', 'toolkit.telemetry.enabled': false,
}

/** What scripts may use: `folder('Sent')`, `heads(folder)`, `wait(() => …)`. */
const prelude = `
const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs')
const server = MailServices.accounts.accounts.map((account) => account.incomingServer).find((one) => one?.type === 'imap')
const wait = async (look, what) => { for (let i = 0; i < 400; i++) { const found = await look(); if (found) return found; await new Promise((r) => setTimeout(r, 50)) } throw new Error('waited in vain: ' + (what ?? look)) }
const folder = (path) => path.split('/').reduce((above, name) => above?.subFolders.find((one) => one.name === name), server.rootFolder)?.QueryInterface(Ci.nsIMsgImapMailFolder)
const heads = (of) => [...of.messages].map((head) => ({ head, subject: head.mime2DecodedSubject, read: head.isRead, flagged: head.isFlagged, keywords: head.getStringProperty('keywords') }))
const head = (of, subject) => heads(of).find((one) => one.subject === subject)?.head
`

export interface Thunderbird {
  /** Runs the body of an async function there; what it returns comes back by way of JSON. Throws what it throws. */
  script<T>(body: string, ...args: readonly unknown[]): Promise<T>
  stop(): Promise<void>
}

/** Starts it with a profile folder; what is in that stays for the next time. @param more settings. THUNDERBIRD_LOG names a file for its protocol. */
export async function startThunderbird(profile: string, port: number, more: Readonly<Record<string, string | number | boolean>> = {}): Promise<Thunderbird> {
  writeFileSync(join(profile, 'user.js'), Object.entries({ ...quiet, ...more, 'marionette.port': port }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`).join('\n'))
  const child = spawn('thunderbird', ['--headless', '--marionette', '--remote-allow-system-access', '--no-remote', '--profile', profile], { env: { ...process.env, HOME: profile, MOZ_HEADLESS: '1', ...(process.env.THUNDERBIRD_LOG ? { MOZ_LOG: 'timestamp,IMAP:5,SMTP:4', MOZ_LOG_FILE: `${process.env.THUNDERBIRD_LOG}.%PID` } : {}) }, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-5000) })
  const exited = new Promise<void>((done) => { child.once('exit', () => done()) })
  try {
    const socket = await until(() => dial(port), 'Marionette', 60)
    const command = await speak(socket)
    await command('WebDriver:NewSession', {})
    await command('WebDriver:SetTimeouts', { script: 25_000 })
    await command('Marionette:SetContext', { value: 'chrome' })
    return {
      async script<T>(body: string, ...args: readonly unknown[]) {
        const script = `const done = arguments[arguments.length - 1], args = [...arguments];(async () => {${prelude}${body}})().then((value) => done({ value: value ?? null }), (error) => done({ error: String(error) + ' ' + error?.stack }))`
        const { value } = await command('WebDriver:ExecuteAsyncScript', { script, args, sandbox: 'system', newSandbox: true }) as { value: { value: T; error?: string } }
        if (value.error !== undefined) throw new Error(`in Thunderbird: ${value.error}`)
        return value.value
      },
      async stop() {
        await command('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => undefined)
        socket.destroy()
        await end(child, exited)
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error })
  }
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  const killer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await exited
  clearTimeout(killer)
}

const dial = (port: number): Promise<Socket | undefined> => new Promise((done) => {
  const socket = connect(port, '127.0.0.1', () => done(socket))
  socket.once('error', () => done(undefined))
})

/** Commands by number, each with its answer. */
async function speak(socket: Socket): Promise<(name: string, params: unknown) => Promise<unknown>> {
  const waiting = new Map<number, { done(value: unknown): void; refuse(error: Error): void }>()
  let octets = Buffer.alloc(0)
  let greeted = (): void => undefined
  const greeting = new Promise<void>((done) => { greeted = done })
  socket.on('data', (chunk: Buffer) => {
    octets = Buffer.concat([octets, chunk])
    for (let colon = octets.indexOf(':'); colon > 0; colon = octets.indexOf(':')) {
      const end = colon + 1 + Number(octets.subarray(0, colon))
      if (octets.length < end) return
      const message = JSON.parse(octets.toString('utf8', colon + 1, end)) as unknown
      octets = octets.subarray(end)
      if (!Array.isArray(message)) {
        greeted()
        continue
      }
      const [, number, error, value] = message as [number, number, { message?: string } | null, unknown]
      const asked = waiting.get(number)
      waiting.delete(number)
      if (error) asked?.refuse(new Error(JSON.stringify(error).slice(0, 2000)))
      else asked?.done(value)
    }
  }).on('close', () => { for (const { refuse } of waiting.values()) refuse(new Error('Thunderbird has gone')) }).on('error', () => undefined)
  await greeting
  let number = 0
  return (name, params) => new Promise((done, refuse) => {
    waiting.set(++number, { done, refuse })
    const text = JSON.stringify([0, number, name, params])
    socket.write(`${Buffer.byteLength(text)}:${text}`)
  })
}
